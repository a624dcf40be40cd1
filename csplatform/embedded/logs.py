"""Log files that cannot grow without bound, and the few lines of them worth a terminal."""

import json
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

LIMIT_BYTES = 10_000_000
KEPT_BYTES = 2_000_000
# So many echoed lines per child and window; a crash loop must not bury the terminal.
ECHO_LINES = 15
ECHO_SECONDS = 10.0
NAME_WIDTH = 13


def say(name: str, text: str) -> None:
    """One prefixed line on the terminal; a closed terminal is no reason to stop."""
    try:
        print(f"{name:<{NAME_WIDTH}}| {text}", flush=True)  # noqa: T201 - the runner's own output
    except OSError:
        # Later prints, and Python's own flush at exit, then go nowhere quietly.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115


def progress(line: str) -> str:
    """Echo filter of the preparation: what it prints for people, and its warnings."""
    return warnings(line) if line.startswith("{") else line


def warnings(line: str) -> str:
    """Echo filter: warnings and worse, from JSON lines and from plain ones."""
    if line.startswith("{"):
        try:
            entry = json.loads(line)
        except ValueError:
            return ""
        level = str(entry.get("level", "info"))
        if level in ("warning", "error", "critical"):
            return f"{level}: {entry.get('event', '')}"
        return ""
    if "[WARNING] Configur" in line:  # the web server's advice about threads per core
        return ""
    return line if re.search(r"\b(WARNING|ERROR|CRITICAL)\b|Error\b", line) else ""


def panics(line: str) -> str:
    """Echo filter for servers, whose ordinary errors are their clients' business."""
    return line if re.search(r"\bPANIC\b|could not|No space left|MISCONF", line) else ""


class LogFile:
    """The log of one child.

    The child writes to the file itself (a pipe through the supervisor would break when the
    supervisor is killed). Too long a file keeps its newest part as `.1` and is emptied in place.
    """

    def __init__(self, path: Path, echo: Callable[[str], str] = warnings) -> None:
        self.path = path
        self.echo = echo
        self._read_to = path.stat().st_size if path.exists() else 0
        self._window = 0.0
        self._echoed = 0

    def open(self) -> IO[bytes]:
        """For the child: always appends, so emptying in place is safe."""
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return os.fdopen(handle, "ab", buffering=0)

    def pump(self) -> None:
        """Echo what is new and matters; keep the file within its bound."""
        try:
            size = self.path.stat().st_size
        except OSError:
            return
        self._read_to = min(self._read_to, size)
        if size > self._read_to:
            with open(self.path, "rb") as file:
                file.seek(max(self._read_to, size - 200_000))
                self._show(file.read())
            self._read_to = size
        if size > LIMIT_BYTES:
            self._shorten()

    def _show(self, content: bytes) -> None:
        now = time.monotonic()
        if now - self._window > ECHO_SECONDS:
            self._window, self._echoed = now, 0
        for raw in content.decode("utf-8", "replace").splitlines():
            line = self.echo(raw.rstrip())
            if not line:
                continue
            self._echoed += 1
            if self._echoed <= ECHO_LINES or self.echo is progress:
                say(self.path.stem, line[:500])
            elif self._echoed == ECHO_LINES + 1:
                say(self.path.stem, f"(more of these in {self.path})")

    def _shorten(self) -> None:
        with open(self.path, "rb") as file:
            file.seek(-KEPT_BYTES, os.SEEK_END)
            newest = file.read()
        self.path.with_suffix(".log.1").write_bytes(newest)
        os.truncate(self.path, 0)
        self._read_to = 0

    def tail(self, lines: int = 15) -> list[str]:
        """The last lines, for the one who has to find out why it does not start."""
        try:
            with open(self.path, "rb") as file:
                file.seek(max(0, self.path.stat().st_size - 20_000))
                return file.read().decode("utf-8", "replace").splitlines()[-lines:]
        except OSError:
            return []
