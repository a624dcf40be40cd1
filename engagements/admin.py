"""Table of contents of the admin pages; found by Django's autodiscover."""

from engagements.inapp.admin import engagement, invitations
from engagements.tracker import admin as tracker

__all__ = ["engagement", "invitations", "tracker"]
