"""What companies pay: subscriptions and invoices, as rules, pages and mails read them.

Rooms above may import it; it imports customers and rules. Promise: rows come from a billing system
by their external ids, every change is kept, and rules as of the past see what was known then.
"""
