"""Project package and kernel.

Lives here: settings, URLs, and the kernel rooms that every product package stands on (customers,
rules, segments, freshness, accounts, admin look, snapshots). Everybody may import it; it imports
none of journeys, engagements, community. Promise: what goes up goes through a registry.
"""
