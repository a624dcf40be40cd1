"""Admin pages of programs, participants and mails. Doors: they call operations and present."""

from journeys.admin import consent, email, folder, message, participant, program
from journeys.playbooks.admin import playbook, run, task, task_type

__all__ = ["consent", "email", "folder", "message", "participant", "playbook", "program", "run",
           "task", "task_type"]  # fmt: skip
