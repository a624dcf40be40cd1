"""The tracker: ingest at /t/, journey.js, visitors, and what was refused.

Knows no kind of engagement: what a batch may hold (`item_kinds`) and who decides what to show
(`deciders`) are registered from outside. The other rooms of engagements may import it. Promise:
an item answered "ok" is committed in PostgreSQL, and no item is taken twice.
"""
