"""Repeating a write that lost a race for a unique name."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import IntegrityError, OperationalError, transaction
from psycopg.errors import DeadlockDetected, UniqueViolation

from csplatform.kit.errors import Conflict


class LostRace(Exception):
    """What an operation found is not true any more; the transaction is run again."""


P = ParamSpec("P")
R = TypeVar("R")
ATTEMPTS = 5


def settled_by_constraint(operation: Callable[P, R]) -> Callable[P, R]:
    """Run an operation in a transaction; after losing a race look again at what is there now.

    The unique constraints decide who was first. The loser waits for the winner's commit inside
    its INSERT, so the next attempt finds the winner's rows.
    """

    @wraps(operation)
    def repeated(*args: P.args, **kwargs: P.kwargs) -> R:
        for _ in range(ATTEMPTS):
            try:
                with transaction.atomic():
                    return operation(*args, **kwargs)
            except LostRace:
                continue
            except (IntegrityError, OperationalError) as error:
                if not isinstance(error.__cause__, (UniqueViolation, DeadlockDetected)):
                    raise
        raise Conflict("Somebody else keeps changing the same records; try again.", code="busy")

    return repeated
