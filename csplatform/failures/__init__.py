"""The desk of failures: errors inside jobs, grouped, with retry; and RQ's own failed jobs.

Admins see the desk and the REST resource. The kernel tells errors through kit.failing, so nobody
needs to import this room. Promise: keeping a
failure never raises into the work, and costs next to nothing when a work fails all the time.
"""
