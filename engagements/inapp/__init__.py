"""Engagements: content in drafts and releases, invitations of participants, showings.

Brings the program step "trigger engagement" to journeys and the "showing" item and a decider to
the tracker. Other rooms of engagements may import it. Promise: who was invited, what was shown
and what came of it stays on record; a participant is never stuck because a showing failed.
"""
