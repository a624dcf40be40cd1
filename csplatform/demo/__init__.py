"""The demo tenant: a seeded, plausible customer base; packages above add their own parts.

Rooms above register a part; nobody else imports it. Promise: it goes through the public operations,
and the same seed gives the same tenant.
"""
