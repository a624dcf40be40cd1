"""The desk of failures: errors inside jobs, grouped, with retry; and RQ's own failed jobs.

Everybody may read the list over REST or the admin who holds the permission (admins do). The kernel
tells errors through kit.failing; nobody above needs to import this room. Promise: keeping a
failure never raises into the work, and costs next to nothing when a work fails all the time.
"""
