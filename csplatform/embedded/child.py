"""One supervised process: how it is started, watched and stopped."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from csplatform.embedded.account import Account
from csplatform.embedded.logs import LogFile
from csplatform.embedded.processes import MARK, end, in_session


@dataclass(frozen=True)
class ChildSpec:
    """What to run and how to treat it.

    Children of a higher `stage` are stopped first. `clear` runs before every start and after the
    end, to remove what a killed predecessor left behind. `ready` returns "" once the child serves,
    else the reason why not yet. `needs` names servers without which its quick deaths do not count.
    `log` None lets it write to the terminal.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    log: LogFile | None
    stage: int = 2
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 20
    account: Account | None = None
    clear: Callable[[], None] | None = None
    ready: Callable[[], str] | None = None


@dataclass
class Child:
    """A running (or just dead) process of a spec. It leads a session of its own."""

    spec: ChildSpec
    mark: str
    process: subprocess.Popen[bytes] | None = None
    started: float = 0
    quick_deaths: int = 0
    restart_at: float | None = None
    created: float = field(default=0, repr=False)

    def start(self) -> None:
        """Start it in a new session, as the spec's user.

        SIGINT is not left ignored (a background start hands it down so), because PostgreSQL's
        children and Python's would keep it ignored for good.
        """
        if self.spec.clear:
            self.spec.clear()
        output = self.spec.log.open() if self.spec.log else None
        try:
            self.process = subprocess.Popen(
                list(self.spec.command),
                env={**self.spec.environment, MARK: self.mark},
                cwd=self.spec.folder,
                stdin=subprocess.DEVNULL if output else None,
                stdout=output,
                stderr=output,
                start_new_session=True,
                umask=0o077 if output else -1,  # what a command makes is its caller's business
                **(self.spec.account.popen_arguments() if self.spec.account else {}),
            )
        finally:
            if output:
                output.close()
        self.restart_at = None
        self.started = time.monotonic()
        self.created = _created(self.process.pid)

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self.process is not None and self.process.poll() is None

    def how_it_ended(self) -> str:
        """The end in words: exit code or the name of the signal."""
        code = self.process.returncode if self.process else 0
        if code is not None and code < 0:
            return f"killed by {signal.Signals(-code).name}"
        return f"ended with exit code {code}"

    def ask_to_stop(self) -> None:
        """Send the stop signal to the leader; it tells its own children."""
        if self.running and self.process:
            self.process.send_signal(self.spec.stop_signal)

    def finish(self, seconds: float) -> None:
        """Wait for the end, then kill whatever is left of the session."""
        if self.process is None:
            return
        try:
            self.process.wait(max(seconds, 0))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.end_session()
        if self.spec.clear:
            self.spec.clear()
        self.process = None

    def end_session(self) -> None:
        """Kill what the dead leader left: a web server's workers would keep its port."""
        if self.process is not None:
            end(in_session(self.process.pid), patience=1)

    def record(self) -> dict[str, object]:
        """What a later start needs to know this process again."""
        pid = self.process.pid if self.process else 0
        return {"pid": pid, "started": self.created, "command": list(self.spec.command)}


def _created(pid: int) -> float:
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return 0.0


def child_environment(**settings: str) -> dict[str, str]:
    """The environment of our Python children: ours, without what would point them elsewhere."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    return {**inherited, "PYTHONUNBUFFERED": "1", **settings}
