"""What a person can get wrong, with a sentence fit for the screen and the path of the place."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing wrong at one place.

    Attributes:
        path: JSON-pointer-like place, e.g. "/steps/2/config/limit"; "" is the whole.
        message: a sentence that says what to do.
        code: stable word for programs.
        level: "error" blocks, "warning" does not.
    """

    path: str
    message: str
    code: str = "invalid"
    level: str = "error"


class DomainError(Exception):
    """A rule of the product was broken; admin and API show the same problems."""

    status = 400

    def __init__(self, problems: Iterable[Problem] | str, *, path: str = "", code: str = "invalid"):
        if isinstance(problems, str):
            problems = [Problem(path, problems, code)]
        self.problems: list[Problem] = list(problems)
        super().__init__("; ".join(f"{p.path or '/'}: {p.message}" for p in self.problems))


class NotAllowed(DomainError):
    """The actor may not do this."""

    status = 403


class Conflict(DomainError):
    """Somebody else changed it in the meantime, or its state does not allow this now."""

    status = 409
