"""The demo tenant: a seeded, plausible customer base and a small product site.

Nobody imports it. Promise: it goes through the public operations, and the same seed gives the same
tenant.
"""
