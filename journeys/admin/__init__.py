"""Admin pages of programs, participants and mails. Doors: they call operations and present."""

from journeys.admin import email, message, participant, program

__all__ = ["email", "message", "participant", "program"]
