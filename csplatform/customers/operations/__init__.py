"""Writes to companies, people, attributes and events: the only way in.

Admin, API, ingest, steps and the demo tenant call these; nobody else writes the room's tables.
Promise: sets in, a constant number of queries, may run twice, history and touches in the same
transaction. Locks are taken company before person, ids ascending.
"""
