"""Admin pages of programs, participants and mails. Doors: they call operations and present."""

from journeys.admin import consent, email, folder, message, participant, program

__all__ = ["consent", "email", "folder", "message", "participant", "program"]
