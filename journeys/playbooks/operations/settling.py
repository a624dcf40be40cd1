"""Runs of playbooks follow their tasks: completed with the last one, going on with a reopened."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from csplatform.kit import sql
from journeys.models import PlaybookChange
from journeys.playbooks.history import PLAYBOOK_FACT, Happened, tell

# (run id, playbook id, person id, company id)
Row = tuple[int, int, int | None, int | None]


def complete_runs(ids: Iterable[int], *, by: Any, now: datetime) -> None:
    """Complete those without an open task. The caller has locked the runs."""
    wanted = sorted(set(ids))
    if not wanted:
        return
    done = sql.rows(
        "UPDATE journeys_playbookrun r SET state = 'completed', ended_at = %s"
        " WHERE r.id = ANY(%s) AND r.state = 'running' AND NOT EXISTS"
        "  (SELECT 1 FROM journeys_task t WHERE t.run_id = r.id AND t.status <> 'closed')"
        " RETURNING r.id, r.playbook_id, r.person_id, r.company_id",
        [now, wanted],
    )
    tell_runs(done, "completed", by=by, now=now)


def resume_runs(ids: Iterable[int], *, by: Any, now: datetime) -> None:
    """Completed runs of which a task was opened again go on, unless the playbook was assigned anew
    meanwhile."""
    wanted = sorted(set(ids))
    if not wanted:
        return
    back = sql.rows(
        "UPDATE journeys_playbookrun r SET state = 'running', ended_at = NULL"
        " WHERE r.id = ANY(%s) AND r.state = 'completed' AND NOT EXISTS"
        "  (SELECT 1 FROM journeys_playbookrun o WHERE o.playbook_id = r.playbook_id"
        "   AND o.state = 'running' AND o.person_id IS NOT DISTINCT FROM r.person_id"
        "   AND o.company_id IS NOT DISTINCT FROM r.company_id)"
        " RETURNING r.id, r.playbook_id, r.person_id, r.company_id",
        [wanted],
    )
    tell_runs(back, "resumed", by=by, now=now)


def tell_runs(rows: Sequence[Row], kind: str, *, by: Any, now: datetime) -> None:
    """History, events and touches of runs that started, ended or go on."""
    if not rows:
        return
    user = getattr(by, "pk", None)
    PlaybookChange.objects.bulk_create(
        PlaybookChange(run_id=row[0], kind=kind, at=now, by_id=user) for row in sorted(rows)
    )
    tell(
        (
            Happened(f"playbook.{kind}", run_id, person_id, company_id, {"playbook": playbook_id})
            for run_id, playbook_id, person_id, company_id in sorted(rows)
        ),
        PLAYBOOK_FACT,
        now=now,
    )
