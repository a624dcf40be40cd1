"""Admin pages of programs, participants and mails. Doors: they call operations and present."""
