"""Kinds of engagements: one file each behind `engagements.inapp.kind.EngagementKind`.

Promise: nobody outside branches on a kind's name.
"""
