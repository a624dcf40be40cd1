"""Admin pages of tasks, task types, playbooks and their runs. Doors: they call operations."""

from journeys.playbooks.admin import playbook, run, task, task_type

__all__ = ["playbook", "run", "task", "task_type"]
