"""Companies, people, their attributes and events.

Rules, segments and everything above may import it. Promise: every write goes through its
operations, keeps history from the first day and touches the freshness loop in its transaction.
"""
