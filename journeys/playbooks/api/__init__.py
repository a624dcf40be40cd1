"""Tasks, task types, playbooks and their runs over HTTP."""
