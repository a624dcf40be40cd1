"""One freshness loop: what changed about whom, and who wants to know.

Operations write touch rows in their own transaction; consumers (segments, entry, goals, waits)
register above and are handed the touched subjects in batches. Customers and everything above may
import it. Promise: a committed change reaches every consumer, once or more, never zero times.
"""
