"""The system user that PostgreSQL runs as: oneself, or under root somebody without rights."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from csplatform.embedded.places import Refusal


@dataclass(frozen=True)
class Account:
    """A user to start processes as; `switch` is false when it is the calling user."""

    name: str
    uid: int
    gid: int
    switch: bool

    def popen_arguments(self) -> dict[str, Any]:
        """What subprocess needs to start something as this user, without our groups."""
        if not self.switch:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def can(self, test: str, path: Path) -> bool:
        """Ask the system, as this user: `-x` reach or run, `-r` read. Knows ACLs and mounts."""
        done = subprocess.run(
            ["/bin/sh", "-c", f'test {test} "$1"', "sh", str(path)],
            cwd="/",
            capture_output=True,
            **self.popen_arguments(),
        )
        return done.returncode == 0

    def own(self, path: Path) -> None:
        """Give a file or folder to this user."""
        if self.switch:
            os.chown(path, self.uid, self.gid)


def database_account() -> Account:
    """Oneself, except under root: PostgreSQL refuses root, so it runs as `nobody`."""
    uid = os.geteuid()
    if uid != 0:
        try:
            name = pwd.getpwuid(uid).pw_name
        except KeyError as error:
            raise Refusal(
                f"user id {uid} has no name on this system, and PostgreSQL needs one;"
                " add it to /etc/passwd or set DATABASE_URL"
            ) from error
        return Account(name, uid, os.getegid(), switch=False)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError as error:
        raise Refusal("there is no user `nobody` to run PostgreSQL as; set DATABASE_URL") from error
    return Account("nobody", nobody.pw_uid, nobody.pw_gid, switch=True)
