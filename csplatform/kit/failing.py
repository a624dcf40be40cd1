"""Errors inside jobs: told here by the kernel, kept and shown by the room that registers.

Telling never raises and never disturbs the work: it is done in the middle of what just failed.
"""

import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import structlog
from django.conf import settings

from csplatform.kit.redact import redact

log = logging.getLogger(__name__)
LONGEST_TRACEBACK = 20_000
LONGEST_MESSAGE = 1_000
KINDS = ("work", "chore")


@dataclass(frozen=True)
class Failed:
    """An error inside a job.

    Attributes:
        kind: "work" (of a lane) or "chore" (of the scheduler); `key` and `lane` say which.
        passing: nobody's fault (a lost connection, a deadlock): over when it runs well again.
    """

    kind: str
    key: str
    lane: str
    error: BaseException
    said: str = ""
    passing: bool = False

    @property
    def error_type(self) -> str:
        """Name of the error's class."""
        return type(self.error).__name__[:120]

    @property
    def place(self) -> str:
        """The innermost function of ours, e.g. "journeys/engine/store.py in write"."""
        return place_of(self.error.__traceback__)[:200]

    @property
    def message(self) -> str:
        """What the error says, without addresses and values of rows."""
        parts = [part for part in (self.said, str(self.error)) if part]
        return redact(": ".join(parts))[:LONGEST_MESSAGE].replace("\x00", "")

    @property
    def traceback(self) -> str:
        """The stack as Python prints it: lines of code, never values of variables."""
        text = "".join(traceback.format_exception(self.error))
        for folder in (Path(traceback.__file__).parent, settings.BASE_DIR):
            text = text.replace(f"{folder}/", "")
        return redact(text)[-LONGEST_TRACEBACK:].replace("\x00", "")


def place_of(trace: TracebackType | None) -> str:
    """The innermost function of this project, or of anybody when none is."""
    place = ""
    ours = f"{settings.BASE_DIR}/"
    own_place = ""
    for frame, _ in traceback.walk_tb(trace):
        code = frame.f_code
        place = f"{Path(code.co_filename).name} in {code.co_name}"
        if code.co_filename.startswith(ours) and "/site-packages/" not in code.co_filename:
            own_place = f"{code.co_filename.removeprefix(ours)} in {code.co_name}"
    return own_place or place


# failed: keep it. went_well: this work or chore just ran without one, in so many seconds.
_on_failed: list[Callable[[Failed], None]] = []
_on_well: list[Callable[[str, float], None]] = []


def register_keeper(
    failed: Callable[[Failed], None], went_well: Callable[[str, float], None]
) -> None:
    """Called once by the room that keeps failures. `failed` raises when it could not."""
    _on_failed.append(failed)
    _on_well.append(went_well)


def tell(failure: Failed) -> bool:
    """An error happened inside a job. Returns whether everybody kept it; never raises."""
    try:
        for keep in _on_failed:
            keep(failure)
    except Exception as error:
        log.warning("failure not kept", extra={"error": redact(str(error))[:300]})
        return False
    return bool(_on_failed)


def tell_well(key: str, seconds: float) -> None:
    """A work or chore ran without an error. Never raises."""
    try:
        for note in _on_well:
            note(key, seconds)
    except Exception as error:
        log.warning("success not kept", extra={"error": redact(str(error))[:300]})


class InsideHandler(logging.Handler):
    """Errors that a work caught and logged itself, such as one poisoned row of a batch.

    Takes lines with a traceback that are written inside a job (see kit.jobs), and no others.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Tell it, unless the job's own frame does."""
        job = structlog.contextvars.get_contextvars()
        error = record.exc_info[1] if record.exc_info else None
        if error is None or "work" not in job or getattr(record, "told", False):
            return
        kind, lane = str(job.get("kind", "work")), str(job.get("lane", ""))
        tell(Failed(kind, str(job["work"]), lane, error, said=record.getMessage()))
