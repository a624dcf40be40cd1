"""A project folder with the real launcher and a tiny application, and a handle on its start."""

import http.client
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg

from csplatform.embedded.processes import marked, working_in

REPOSITORY = Path(__file__).resolve().parents[2]
LONG = "a long path with blanks/so long that no socket name could ever be made inside it/and more"
WSGI = """
import json, os
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    names = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY")
    return [json.dumps({"pid": os.getpid(), **{n: os.environ[n] for n in names}}).encode()]
"""
MANAGE = """
import os, signal, sys, time
data = os.environ["DATA_DIR"]
if sys.argv[1] == "prepare":
    print("prepared")
    with open(os.path.join(data, "demo-logins.txt"), "w") as file:
        file.write("ada / ada  (admin)\\n")
else:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    broken = os.path.join(data, "break-" + sys.argv[-1])
    while not os.path.exists(broken):
        time.sleep(0.2)
    sys.exit("broken on purpose")
"""
MAKEFILE = "run:\n\t@'{python}' -u -m csplatform.embedded.runner\n"


def make_project(folder: Path) -> Path:
    """A project with a long path and blanks in it."""
    project = folder / LONG
    (project / "csplatform").mkdir(parents=True)
    shutil.copytree(
        REPOSITORY / "csplatform" / "embedded",
        project / "csplatform" / "embedded",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    (project / "csplatform" / "__init__.py").write_text('"""Stand-in."""\n')
    (project / "csplatform" / "wsgi.py").write_text(WSGI)
    (project / "manage.py").write_text(MANAGE)
    (project / "Makefile").write_text(MAKEFILE.format(python=sys.executable))
    for path in [folder, *folder.rglob("*")]:  # whatever the caller's umask is
        path.chmod(0o755 if path.is_dir() else 0o644)
    return project


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: Callable[[], Any], why: str, seconds: float = 60) -> Any:
    """The first true value of `what`, asked often; an assertion after `seconds`."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if value := what():
            return value
        time.sleep(0.1)
    raise AssertionError(f"waited {seconds} s: {why}")


@dataclass
class Start:
    """One start of a stand-in project, in the background like a script would do it."""

    project: Path
    port: int = field(default_factory=free_port)
    user: pwd.struct_passwd | None = None
    process: "subprocess.Popen[bytes] | None" = None
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.project / ".data"

    @property
    def output(self) -> Path:
        return self.project / "output.txt"

    def begin(self, command: list[str] | None = None, ignore_interrupt: bool = True) -> "Start":
        """Start it; SIGINT is ignored by inheritance, as in `make run &` of a script."""
        skipped = ("DATABASE_URL", "REDIS_URL", "DATA_DIR", "SECRET_KEY")
        env = {key: value for key, value in os.environ.items() if key not in skipped}
        env |= {"PORT": str(self.port), "HOME": "/nonexistent", **self.settings}
        who: dict[str, Any] = {}
        if self.user:
            who = {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}
        with open(self.output, "ab") as output:
            before = signal.getsignal(signal.SIGINT)
            signal.signal(signal.SIGINT, signal.SIG_IGN if ignore_interrupt else signal.SIG_DFL)
            try:
                self.process = subprocess.Popen(
                    command or [sys.executable, "-u", "-m", "csplatform.embedded.runner"],
                    cwd=self.project,
                    env=env,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    umask=0o022,
                    **who,
                )
            finally:
                signal.signal(signal.SIGINT, before)
        return self

    def ready(self) -> "Start":
        """Wait for the greeting of the newest start."""
        wait_for(lambda: self.ended() or "- Ctrl-C stops" in self.newest(), "no greeting")
        assert not self.ended(), self.newest()
        return self

    def ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def newest(self) -> str:
        """What it has said so far, without earlier starts."""
        return self.output.read_text().rsplit("=== again\n", 1)[-1]

    def again(self) -> None:
        """Draws a line in the output, before a further start."""
        with open(self.output, "a") as output:
            output.write("=== again\n")

    def stop(self, number: int = signal.SIGINT) -> int:
        """Stop it by a signal to its process alone; returns its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(60)
        assert self.left() == []
        return code

    def left(self) -> list[psutil.Process]:
        """Every process of this installation that still lives."""
        found = {process.pid: process for process in marked(str(self.data))}
        for process in working_in(self.data / "postgres" / "data", "postgres"):
            found[process.pid] = process
        for process in working_in(self.data / "valkey", "valkey-server"):
            found[process.pid] = process
        return list(found.values())

    def pids(self) -> dict[str, int]:
        """Process id of each child, by name."""
        recorded = json.loads((self.data / "run" / "processes.json").read_text())
        return {name: entry["pid"] for name, entry in recorded.items()}

    def page(self) -> dict[str, Any]:
        """The answer of the web server, or nothing while it does not answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/")
            return dict(json.loads(connection.getresponse().read()))
        except (OSError, http.client.HTTPException, ValueError):
            return {}
        finally:
            connection.close()

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement in its database."""
        with psycopg.connect(self.page()["DATABASE_URL"], autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def kill_everything(self) -> None:
        """kill -9 of each of its processes, the supervisor first, and no pause between."""
        assert self.process is not None
        pids = [process.pid for process in self.left()]
        self.process.kill()
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait(10)
