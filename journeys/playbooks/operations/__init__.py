"""Writing functions of tasks and playbooks: check, lock, write, audit, tell.

Locks are taken in the order person, playbook run, task, each by ascending id.
"""
