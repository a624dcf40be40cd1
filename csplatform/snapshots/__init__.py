"""Snapshot pages of companies and people: panel contract, registry, timeline, home.

Rooms above register panels and timeline sources; nobody else imports it. Promise: a page costs a
constant number of queries, and every number leads to what is behind it.
"""
