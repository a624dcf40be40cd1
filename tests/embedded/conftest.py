"""Stand-in projects, as oneself and (under root) as an ordinary user."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from csplatform.embedded.places import Places, read_json
from csplatform.embedded.processes import end
from tests.embedded.standin import Start, make_project


def ordinary_user() -> pwd.struct_passwd | None:
    """A user without rights for tests under root; not the one the database runs as."""
    for name in ("games", "daemon", "bin"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return None


def _open_folder() -> Path:
    """A temporary folder that other users may pass; pytest's own is closed to them."""
    folder = Path(tempfile.mkdtemp(prefix="csp-standin-"))
    folder.chmod(0o755)
    return folder


def _tidy(start: Start, folder: Path) -> None:
    if start.process is not None and start.process.poll() is None:
        start.process.send_signal(signal.SIGTERM)
        try:
            start.process.wait(60)
        except subprocess.TimeoutExpired:
            start.process.kill()
    end(start.left(), patience=2)
    note = read_json(start.data / "postgres-location.json")
    if note:
        shutil.rmtree(note["home"], ignore_errors=True)
    shutil.rmtree(Places.of(str(start.data)).sockets(), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def start() -> Iterator[Start]:
    """A stand-in project, not yet started; whatever it left is ended afterwards."""
    folder = _open_folder()
    handle = Start(make_project(folder))
    yield handle
    _tidy(handle, folder)


@pytest.fixture
def other() -> Iterator[Start]:
    """A second stand-in project, whose servers serve as external ones."""
    folder = _open_folder()
    handle = Start(make_project(folder))
    yield handle
    _tidy(handle, folder)


@pytest.fixture(params=["oneself", "ordinary user"])
def anybody(request: pytest.FixtureRequest) -> Iterator[Start]:
    """The same twice: as the calling user, and under root as an ordinary one as well."""
    user = None
    if request.param == "ordinary user":
        if os.geteuid() != 0:
            pytest.skip("the calling user is an ordinary one already")
        user = ordinary_user()
        assert user is not None
        who: dict[str, Any] = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        try:
            subprocess.run([sys.executable, "-c", ""], check=True, cwd="/", **who)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip(
                "this Python lies in a folder closed to others (the newcomer script covers it)"
            )
    folder = _open_folder()
    handle = Start(make_project(folder), user=user)
    if user:
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, user.pw_uid, user.pw_gid)
    yield handle
    _tidy(handle, folder)
