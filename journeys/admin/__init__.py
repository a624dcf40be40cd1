"""Admin pages of programs, participants and mails. Doors: they call operations and present."""

from journeys.admin import participant, program

__all__ = ["participant", "program"]
