"""Lets `python manage.py ...` join the start that runs in this DATA_DIR.

The embedded servers have no fixed address, so without this a command typed beside a running
`make run` would not find them. What is set in the environment always wins.
"""

import os

from csplatform.embedded.places import Places, read_json


def attach() -> bool:
    """Set DATABASE_URL, REDIS_URL and the rest from the running start; True if there is one."""
    note = read_json(Places.of(os.environ.get("DATA_DIR") or ".data").run / "running.json")
    if not isinstance(note, dict) or not _alive(note.get("pid")):
        return False
    for name, value in note.get("settings", {}).items():
        os.environ.setdefault(name, value)
    return True


def _alive(pid: object) -> bool:
    if not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return True
