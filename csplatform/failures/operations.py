"""What an operator does about failures: try again, call them solved, forget old ones."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

from csplatform.failures.models import Failure, Kind, State
from csplatform.kit import audit
from csplatform.kit.clock import database_now
from csplatform.kit.jobs import enqueue_periodic, lane_work, periodic, wake_on_commit
from csplatform.kit.permissions import require

CHANGE = "failures.change_failure"
KEPT_DAYS = 90
# A retry whose run nobody saw is asked for again after so long.
AGAIN_SECONDS = 10


def retry(ids: Sequence[int], *, actor: Any) -> int:
    """Wake the lanes and enqueue the chores of these failures; how many are tried again.

    The next run that goes well solves them. Those whose work no longer exists are left alone.
    """
    require(actor, CHANGE)
    with transaction.atomic():
        rows = [row for row in _locked(ids) if is_known(row)]
        Failure.objects.filter(pk__in=[row.pk for row in rows]).update(
            state=State.RETRIED, retried_at=database_now(), solved_at=None, solved_by=None,
            solved_how="",
        )  # fmt: skip
        _note(rows, "failure.retry", actor)
        _start(rows)
    return len(rows)


def solve(ids: Sequence[int], *, actor: Any) -> int:
    """Call these failures solved; how many were not yet. They open again if they come back."""
    require(actor, CHANGE)
    with transaction.atomic():
        rows = [row for row in _locked(ids) if row.state != State.SOLVED]
        Failure.objects.filter(pk__in=[row.pk for row in rows]).update(
            state=State.SOLVED, solved_at=database_now(), solved_by=actor,
            solved_how="Marked as solved",
        )  # fmt: skip
        _note(rows, "failure.solve", actor)
    return len(rows)


def is_known(failure: Failure) -> bool:
    """Whether its work or chore still exists."""
    return failure.work in (periodic if failure.kind == Kind.CHORE else lane_work)


def start_again() -> int:
    """Start what was tried again and has neither failed nor gone well since (a lost wake-up, or a
    worker that had just looked), and what was nobody's fault. How many."""
    since = database_now() - timedelta(seconds=AGAIN_SECONDS)
    retried = Q(state=State.RETRIED, retried_at__lt=since)
    passing = Q(state=State.OPEN, passing=True, last_at__lt=since)
    rows = list(Failure.objects.filter(retried | passing))
    _start([row for row in rows if is_known(row)])
    return len(rows)


def purge() -> int:
    """Forget what was solved long ago."""
    before = database_now() - timedelta(days=KEPT_DAYS)
    return Failure.objects.filter(state=State.SOLVED, solved_at__lt=before).delete()[0]


def _start(rows: Sequence[Failure]) -> None:
    for lane in sorted({row.lane for row in rows if row.kind == Kind.WORK}):
        wake_on_commit(lane)
    for chore in sorted({row.work for row in rows if row.kind == Kind.CHORE}):
        transaction.on_commit(lambda chore=chore: enqueue_periodic(chore))  # type: ignore[misc]


def _locked(ids: Sequence[int]) -> list[Failure]:
    return list(Failure.objects.select_for_update().filter(pk__in=ids).order_by("pk"))


def _note(rows: Sequence[Failure], verb: str, actor: Any) -> None:
    if rows:
        audit.record(actor, verb, rows[0], after={"failures": [row.pk for row in rows]})
