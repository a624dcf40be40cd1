"""Tasks, playbooks, the work list."""
