"""Admin pages of programs, participants and mails. Doors: they call operations and present."""

from journeys.admin import email, folder, message, participant, program

__all__ = ["email", "folder", "message", "participant", "program"]
