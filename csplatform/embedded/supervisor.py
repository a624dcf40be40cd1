"""Starts children in order, keeps them alive, ends them all. One thread, one loop.

A child that dies is started again after 0.2 s, doubling to 10 s; one that dies quickly several
times in a row ends the whole with the tail of its log - unless a server that it needs is
unreachable, which is waited for.
"""

import contextlib
import json
import os
import select
import signal
import socket
import time
from pathlib import Path
from types import FrameType

import psutil

from csplatform.embedded.child import Child, ChildSpec
from csplatform.embedded.logs import say
from csplatform.embedded.places import Places, Refusal, read_json, write_private
from csplatform.embedded.processes import end, marked, same
from csplatform.embedded.servers import Server

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 10.0
QUICK_SECONDS = 10.0
QUICK_DEATHS = 8
TICK_SECONDS = 0.5
PROBE_EVERY = 10.0


class StopRequested(Exception):
    """Somebody asked for the end: Ctrl-C, a signal, or make was told to stop."""


class Supervisor:
    """All processes of one start.

    Use as a context manager: leaving it, however, ends every child in reverse order.
    """

    def __init__(self, places: Places) -> None:
        self.places = places
        self.children: dict[str, Child] = {}
        self.servers: list[Server] = []
        self._stop = ""
        self._hurry = False
        self._next_probe = 0.0
        self._wake, self._waker = socket.socketpair()
        self._parent = _Parent()

    def __enter__(self) -> "Supervisor":
        self._waker.setblocking(False)
        self._wake.setblocking(False)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        # Explicitly: a start in the background inherits SIGINT as ignored and Python then sets
        # no handler, so that the whole could not be stopped.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup wants it ignored
            signal.signal(signal.SIGHUP, self._on_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only to wake the loop
        self._end_leftovers()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop_all()
        signal.set_wakeup_fd(-1)

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        self._hurry = bool(self._stop)
        self._stop = signal.Signals(number).name

    def _end_leftovers(self) -> None:
        """End what a killed supervisor left: by mark, or recorded pid, start time and command."""
        found = {process.pid: process for process in marked(self.places.mark)}
        recorded = read_json(self.places.run / "processes.json")
        for entry in recorded.values() if isinstance(recorded, dict) else ():
            process = same(entry["pid"], entry["started"], entry["command"])
            if process is not None:
                found[process.pid] = process
        # The database is ended last and in its own way, by the `clear` of its spec.
        apps = [process for process in found.values() if _name(process) != "postgres"]
        if found:
            say("runner", f"ending {len(found)} processes that a killed start left behind")
        end(apps, patience=8)

    def start(self, spec: ChildSpec, wait: float = 0) -> None:
        """Start a child; with `wait`, return when it is ready, supervising meanwhile."""
        child = Child(spec, self.places.mark)
        self.children[spec.name] = child
        child.start()
        self._record()
        if not wait or spec.ready is None:
            return
        until = time.monotonic() + wait
        while problem := spec.ready():
            if time.monotonic() > until:
                raise Refusal(f"{spec.name} did not become ready in {wait:.0f} s: {problem}")
            self.tick(0.05)

    def run_task(self, spec: ChildSpec) -> int:
        """Run a child to its end, supervising the others; returns its exit code."""
        child = Child(spec, self.places.mark)
        child.start()
        self.children[spec.name] = child
        try:
            while child.running:
                self.tick(TICK_SECONDS, task=child)
            code = child.process.returncode if child.process else 1
            return int(code)
        except StopRequested:
            child.ask_to_stop()
            child.finish(10)
            raise
        finally:
            if spec.log:
                spec.log.pump()
            if child.process is not None:
                child.end_session()
            self.children.pop(spec.name)

    def wait_for_servers(self) -> None:
        """Return when every external server answers; says once per outage which does not."""
        while not self.servers_reachable():
            self.tick(1.0, probe=False)

    def servers_reachable(self) -> bool:
        """Ask every external server (all of them, so that each outage is told)."""
        answers = [server.reachable() for server in self.servers]
        return all(answers)

    def run_forever(self) -> None:
        """Supervise until a stop is asked for (StopRequested) or a child given up (Refusal)."""
        while True:
            self.tick(TICK_SECONDS)

    def tick(self, seconds: float, task: Child | None = None, probe: bool = True) -> None:
        """One turn: sleep until a signal or the time, then look after everybody."""
        select.select([self._wake], [], [], seconds)
        self._drain()
        if not self._stop and self._parent.was_interrupted():
            self._stop = "make was interrupted"
        if self._stop:
            raise StopRequested(self._stop)
        for child in list(self.children.values()):
            if child is not task:
                self._look_after(child)
            if child.spec.log:
                child.spec.log.pump()
        if probe and time.monotonic() > self._next_probe:
            self.servers_reachable()
            self._next_probe = time.monotonic() + PROBE_EVERY

    def _look_after(self, child: Child) -> None:
        now = time.monotonic()
        if child.restart_at is not None:
            if now >= child.restart_at:
                child.start()
                self._record()
        elif not child.running:
            self._mourn(child, now)

    def _mourn(self, child: Child, now: float) -> None:
        """Plan the restart of a dead child, or give up on it."""
        child.end_session()
        quick = now - child.started < QUICK_SECONDS
        child.quick_deaths = child.quick_deaths + 1 if quick else 0
        if child.quick_deaths >= QUICK_DEATHS:
            if self.servers_reachable() and self._others_serve(child):
                raise Refusal(self._obituary(child))
            child.quick_deaths = QUICK_DEATHS - 1
        pause = min(FIRST_PAUSE * 2 ** max(child.quick_deaths - 1, 0), LONGEST_PAUSE)
        say(child.spec.name, f"{child.how_it_ended()}, starting again in {pause:.1f} s")
        child.restart_at = now + pause

    def _others_serve(self, dead: Child) -> bool:
        """Whether the embedded servers answer; a long recovery is not their clients' fault."""
        servers = [child.spec for child in self.children.values() if child is not dead]
        return not any(spec.ready() for spec in servers if spec.ready)

    def servers_disturbed_since(self, moment: float) -> bool:
        """Whether an embedded server was started again after this moment, or is down now."""
        servers = [child for child in self.children.values() if child.spec.ready]
        return any(child.started > moment or not child.running for child in servers)

    def _obituary(self, child: Child) -> str:
        text = f"{child.spec.name} ended {child.quick_deaths} times in a row; giving up."
        if child.spec.log is None:
            return text
        lines = "\n".join(f"    {line}" for line in child.spec.log.tail())
        return f"{text} The end of {child.spec.log.path}:\n{lines}"

    def stop_all(self) -> None:
        """Stop the children, highest stage first. A second Ctrl-C kills what still lingers."""
        for stage in sorted({child.spec.stage for child in self.children.values()}, reverse=True):
            group = [child for child in self.children.values() if child.spec.stage == stage]
            for child in group:
                child.ask_to_stop()
            for child in group:
                self._wait_for_end(child)
        self.children.clear()
        (self.places.run / "processes.json").unlink(missing_ok=True)

    def _wait_for_end(self, child: Child) -> None:
        until = time.monotonic() + child.spec.stop_seconds
        while child.running and time.monotonic() < until:
            if self._hurry and child.spec.stage > 1:
                break
            select.select([self._wake], [], [], 0.1)
            self._drain()
        if child.running:
            say(child.spec.name, "did not end in time, killed")
        child.finish(0)

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._wake.recv(4096)

    def _record(self) -> None:
        entries = {name: child.record() for name, child in self.children.items()}
        write_private(self.places.run / "processes.json", json.dumps(entries, indent=1))


class _Parent:
    """Notices that make, our parent, was told to stop.

    `kill -INT` of make alone reaches no child: make resets its handler and waits for us, for
    ever. On Linux that reset can be seen. Without make, or elsewhere, nothing is noticed.
    """

    def __init__(self) -> None:
        self._status = Path(f"/proc/{os.getppid()}/status")
        try:
            is_make = psutil.Process(os.getppid()).name() in ("make", "gmake")
        except psutil.Error:
            is_make = False
        self._watch = is_make and self._catches_interrupt()

    def _catches_interrupt(self) -> bool:
        try:
            for line in self._status.read_text().splitlines():
                if line.startswith("SigCgt:"):
                    return bool(int(line.split()[1], 16) & 1 << (signal.SIGINT - 1))
        except OSError:
            pass
        return False

    def was_interrupted(self) -> bool:
        """True once make no longer catches SIGINT although it did."""
        return self._watch and self._status.exists() and not self._catches_interrupt()


def _name(process: psutil.Process) -> str:
    try:
        return str(process.name())
    except psutil.Error:
        return ""
