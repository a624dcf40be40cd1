"""Full recomputes of dynamic segments: work of the bulk lane, in slices of ids.

The row is the work: `requested_at` asks, `cursor` is the progress, so a killed worker is resumed
by the next one where the last committed slice ended.
"""

import logging
from datetime import datetime

from django.db import DataError, OperationalError, ProgrammingError, transaction
from django.db.models import Case, F, Value, When

from csplatform.kit import sql
from csplatform.kit.clock import database_now
from csplatform.kit.errors import DomainError
from csplatform.kit.jobs import wake_on_commit
from csplatform.kit.registry import UnknownKind
from csplatform.rules.parse import load_rule
from csplatform.rules.scope import TABLES
from csplatform.segments.models import Segment, State
from csplatform.segments.operations.membership import refresh_members

log = logging.getLogger(__name__)
# Big enough to be fast, small enough that a change of one person waits less than 0.2 s for it.
SLICE = 20_000
# What a broken rule raises; a lost connection or lock is no fault of the rule and is tried again.
BROKEN = (DomainError, UnknownKind, LookupError, DataError, ProgrammingError)


def pending() -> bool:
    """Whether any recompute is asked for or under way."""
    return Segment.objects.dynamic().due().exists()


def run_slice() -> int:
    """Do one slice of one segment; how many ids were looked at (at least 1), 0 when all is done."""
    with transaction.atomic():
        segment = (
            Segment.objects.dynamic()
            .due()
            .select_for_update(skip_locked=True, no_key=True)
            .order_by(
                # new definitions before the regular refresh of those that are shown already
                Case(When(state=State.READY, then=Value(1)), default=Value(0)),
                F("requested_at").asc(nulls_first=True),
                "pk",
            )
            .first()
        )
        if segment is None:
            return 0
        moment = database_now()
        _begin(segment, moment)
        try:
            with transaction.atomic():
                count = _slice(segment, moment)
        except BROKEN as error:
            if isinstance(error, OperationalError):
                raise
            mark_failed(segment, error)
            return 1
        wake_on_commit("bulk")
        return max(count, 1)


def _begin(segment: Segment, moment: datetime) -> None:
    """Start a run unless one is under way."""
    if segment.cursor is not None:
        return
    segment.cursor, segment.requested_at = 0, None
    if segment.state != State.READY:
        segment.state = State.COMPUTING
    segment.error = ""


def _slice(segment: Segment, moment: datetime) -> int:
    """Refresh the ids behind the cursor and move it; the last slice ends the run."""
    # Whole-table rules hash the answers of events and companies; the default would spill.
    sql.run("SET LOCAL work_mem = '64MB'")
    low = segment.cursor or 0
    count, top = sql.rows(
        f"SELECT count(*), max(id) FROM (SELECT id FROM {TABLES[segment.subject]}"
        " WHERE id > %s ORDER BY id LIMIT %s) q",
        [low, SLICE],
    )[0]
    is_last = count < SLICE
    node = load_rule(segment.rule, segment.subject)
    refresh_members(
        segment, node, moment,
        cause={"kind": "recompute", "definition": segment.definition},
        low=low, high=None if is_last else top,
    )  # fmt: skip
    if is_last:
        segment.cursor, segment.state, segment.computed_at = None, State.READY, moment
    else:
        segment.cursor = top
    segment.save(update_fields=["cursor", "state", "computed_at", "requested_at", "error"])
    return int(count)


def mark_failed(segment: Segment, error: Exception) -> None:
    """Stop computing a segment whose rule cannot be asked, with the reason for its page."""
    log.warning("segment failed", extra={"segment": segment.pk, "error": str(error)})
    segment.state, segment.cursor, segment.requested_at = State.FAILED, None, None
    segment.error = f"The rule could not be asked: {error}"[:1000]
    segment.save(update_fields=["state", "cursor", "requested_at", "error"])


def refresh_all() -> int:
    """Ask for a refresh of every segment: a daily sweep behind the freshness loop, and what notes
    the next flips of the days to come."""
    asked = (
        Segment.objects.dynamic()
        .filter(state=State.READY, cursor=None, requested_at=None)
        .update(requested_at=database_now())
    )
    if asked:
        wake_on_commit("bulk")
    return asked
