"""Finding and ending processes that are surely ours, whoever their parent is by now.

Every process of an installation carries the mark of its DATA_DIR in its environment; PostgreSQL
(which overwrites that) is known by the cluster folder that it works in. A number from a pid file
is never believed alone: pids are used again, in containers within seconds.
"""

import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil

MARK = "CSPLATFORM_RUN"


def alive(process: psutil.Process) -> bool:
    """Whether it still runs; a dead one that nobody has reaped yet (a zombie) does not."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _matching(test: Callable[[psutil.Process], bool]) -> list[psutil.Process]:
    """The live processes that pass the test; those that may not be looked at do not."""
    found = []
    for process in psutil.process_iter():
        try:
            if alive(process) and test(process):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def marked(mark: str) -> list[psutil.Process]:
    """Processes that were started for this installation, without the one that asks."""
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    return _matching(lambda p: p.pid not in own and p.environ().get(MARK) == mark)


def working_in(folder: Path, name: str) -> list[psutil.Process]:
    """Processes of this name that have this folder as their working directory."""
    real = os.path.realpath(folder)
    return _matching(lambda p: p.name() == name and p.cwd() == real)


def in_session(leader: int) -> list[psutil.Process]:
    """Processes of the session that this child opened, children in own groups included."""
    if leader == os.getsid(0):
        raise ValueError("that is the session of the one who asks")
    return _matching(lambda p: os.getsid(p.pid) == leader)


def same(pid: int, started: float, command: list[str]) -> psutil.Process | None:
    """The process with this pid if it is the one recorded, not a later one with its number."""
    try:
        process = psutil.Process(pid)
        if abs(process.create_time() - started) < 2 and process.cmdline() == command:
            return process
    except (psutil.Error, OSError):
        pass
    return None


def end(
    processes: Iterable[psutil.Process], patience: float, first: signal.Signals = signal.SIGTERM
) -> int:
    """Ask processes to end, wait `patience` seconds, then kill. Returns how many there were."""
    targets = list(processes)
    _signal(targets, first)
    left = wait_for_end(targets, patience)
    _signal(left, signal.SIGKILL)
    wait_for_end(left, 5)
    return len(targets)


def wait_for_end(processes: Iterable[psutil.Process], patience: float) -> list[psutil.Process]:
    """Wait until none lives, at most `patience` seconds; returns those that still do.

    Not psutil's own waiting: it waits for zombies, which an idle process 1 may never reap.
    """
    until = time.monotonic() + patience
    left = [process for process in processes if alive(process)]
    while left and time.monotonic() < until:
        time.sleep(0.05)
        left = [process for process in left if alive(process)]
    return left


def _signal(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except (psutil.Error, OSError):
            continue
