"""What staff and systems can do to programs: one function per verb, each check, lock, write, audit.

Doors (admin, api, jobs) call one of these and present its result. Promise: nothing half-done.
"""
