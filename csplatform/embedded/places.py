"""Where a running installation keeps its things: folders, the one-start lock, the secret key."""

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

PROJECT = Path(__file__).resolve().parents[2]
# Unix socket names end at 104 bytes (macOS) or 108 (Linux); PostgreSQL adds `/pg/.s.PGSQL.5432`.
LONGEST_SOCKET_FOLDER = 80


class Refusal(Exception):
    """The start cannot go on; the text is one line that says why and what to do."""


@dataclass
class Places:
    """The folders of one DATA_DIR.

    `data` belongs to the user who started first. Made by root it can be traversed by others,
    because the database runs as another user; everything private in it is closed on its own.
    """

    data: Path
    _lock: TextIO | None = field(default=None, repr=False)
    _running: dict[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, data_dir: str) -> "Places":
        """The places of this DATA_DIR; relative ones are meant from the project folder."""
        path = Path(data_dir)
        return cls(Path(os.path.realpath(path if path.is_absolute() else PROJECT / path)))

    @property
    def logs(self) -> Path:
        """One file per process."""
        return self.data / "logs"

    @property
    def run(self) -> Path:
        """Lock, process list, and what else describes the running start."""
        return self.data / "run"

    @property
    def counts(self) -> Path:
        """One file per process with what it counts, read by /metrics."""
        return self.run / "counts"

    def clear_counts(self) -> None:
        """A new start counts from 0."""
        shutil.rmtree(self.counts, ignore_errors=True)
        self.counts.mkdir(mode=0o700, exist_ok=True)

    @property
    def mark(self) -> str:
        """What every process of this installation carries in its environment."""
        return str(self.data)

    def make(self) -> None:
        """Make the folders, or refuse with the reason. A folder that was there keeps its mode."""
        try:
            if not self.data.exists():
                self.data.mkdir(parents=True)
                self.data.chmod(0o711 if os.geteuid() == 0 else 0o700)
            for folder in (self.logs, self.run):
                folder.mkdir(mode=0o700, exist_ok=True)
            owner = self.run.stat().st_uid
            if owner != os.geteuid():
                raise Refusal(
                    f"{self.data} belongs to user id {owner}, this is {os.geteuid()};"
                    " start as the same user, or choose another DATA_DIR"
                )
        except OSError as error:
            raise Refusal(f"DATA_DIR {self.data} cannot be used: {error.strerror}") from error

    def lock(self, what: str) -> None:
        """Take the lock that only one start can hold; it ends with the process, however it ends."""
        file = open(self.run / "lock", "a+")  # noqa: SIM115 - held for the life of the process
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.close()
            raise Refusal(self._who_runs()) from error
        self._lock = file
        self._running = {"pid": os.getpid(), "what": what}
        self.publish({})

    def publish(self, settings: Mapping[str, str]) -> None:
        """Leave a private note of what commands need to join this start (see attach)."""
        note = json.dumps({**self._running, "settings": dict(settings)})
        write_private(self.run / "running.json", note)

    def _who_runs(self) -> str:
        try:
            running = json.loads((self.run / "running.json").read_text())
            return f"already running in {self.data}: {running['what']} (process {running['pid']})"
        except (OSError, ValueError, KeyError):
            return f"already running in {self.data}"

    def unlock(self) -> None:
        """Let the next start in."""
        if self._lock is not None:
            (self.run / "running.json").unlink(missing_ok=True)
            shutil.rmtree(self.sockets(), ignore_errors=True)
            self._lock.close()
            self._lock = None

    def secret_key(self) -> str:
        """The installation's secret, made once and kept in a file that only its user can read."""
        path = self.data / "secret-key"
        if not path.exists():
            write_private(path, secrets.token_urlsafe(50))
        return path.read_text().strip()

    def sockets(self) -> Path:
        """A short private folder for sockets; the same one at every start of this DATA_DIR.

        Names in a shared temp folder can be taken by anybody, so one that is not ours is left
        alone and the next number is tried.
        """
        base = Path(tempfile.gettempdir())
        if len(str(base)) > LONGEST_SOCKET_FOLDER - 30:
            base = Path("/tmp")  # noqa: S108 - checked for owner and mode below
        digest = hashlib.sha256(f"{self.data}\n{os.geteuid()}".encode()).hexdigest()[:12]
        for attempt in range(10):
            folder = base / f"csp-{digest}{attempt or ''}"
            try:
                folder.mkdir(mode=0o700, exist_ok=True)
            except OSError:
                continue
            found = folder.lstat()
            if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid():
                folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
                return folder
        raise Refusal(f"no private folder for sockets can be made in {base}")


def write_private(path: Path, text: str) -> None:
    """Write a file that only this user can read, at once or not at all."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    draft.replace(path)


def read_json(path: Path) -> Any:
    """The content of a JSON file, or None when it is missing or damaged."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None
