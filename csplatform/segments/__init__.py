"""Segments of people and companies: dynamic ones kept fresh by their rule, and static lists.

Snapshots and everything above may import it; it imports rules and below. Promise: a committed
change is in the membership within seconds, every entering and leaving is in the history and
touches the freshness loop, and a recompute of everybody never blocks the small changes for long.
"""
