"""Writes of the room: drafts, the life of an engagement, its programs, invitations, showings.

Admin, steps, tracker and the demo tenant call these. Promise: check, lock, write, audit; sets in
a constant number of queries.
"""
