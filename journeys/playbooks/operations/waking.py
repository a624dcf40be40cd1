"""What tasks do by themselves: wake at their time, close with the runs that wanted them."""

from datetime import datetime

from django.db import transaction

from csplatform.kit import sql
from csplatform.kit.clock import database_now
from csplatform.kit.jobs import wake_on_commit
from journeys.models.task import TaskStatus
from journeys.playbooks.operations.changing import Change, apply, lock_tasks
from journeys.playbooks.operations.close import close_tasks

BATCH = 1000
LEFT = "Its program run was taken out."
# Tasks of programs whose asking runs are all gone and wanted the task gone with them.
_LEFT_BEHIND = """
SELECT DISTINCT a.task_id FROM journeys_taskask a JOIN journeys_task t ON t.id = a.task_id
WHERE a.ended_at IS NOT NULL AND a.closes AND t.status <> 'closed'
 AND NOT EXISTS (SELECT 1 FROM journeys_taskask o WHERE o.task_id = a.task_id
  AND (o.ended_at IS NULL OR NOT o.closes)) LIMIT %s
"""


def pending() -> bool:
    """Whether a snooze is over or runs left tasks behind; by two small partial indexes."""
    asleep = (
        "SELECT EXISTS (SELECT 1 FROM journeys_task WHERE status = 'snoozed'"
        " AND snoozed_until <= statement_timestamp())"
    )
    return bool(sql.one(asleep) or sql.rows(_LEFT_BEHIND, [1]))


def run_batch() -> int:
    """One batch of either; how many tasks moved."""
    return _wake() + _close_left_behind()


def _wake() -> int:
    found = sql.rows(
        "SELECT id FROM journeys_task WHERE status = 'snoozed' AND snoozed_until <= %s"
        " ORDER BY snoozed_until LIMIT %s",
        [database_now(), BATCH],
    )
    if not found:
        return 0
    with transaction.atomic():
        now = database_now()
        tasks = lock_tasks(row[0] for row in found)
        due = [t for t in tasks if t.snoozed_until is not None and t.snoozed_until <= now]
        values = {"status": TaskStatus.OPEN, "snoozed_until": None}
        changed, _ = apply([Change(t, values) for t in due], "woken", by=None, now=now)
    return len(changed)


def _close_left_behind() -> int:
    found = [row[0] for row in sql.rows(_LEFT_BEHIND, [BATCH])]
    if not found:
        return 0
    with transaction.atomic():
        close_tasks(found, actor=None, reason=LEFT)
        sql.run("UPDATE journeys_taskask SET closes = FALSE WHERE task_id = ANY(%s)", [found])
    return len(found)


def runs_ended(participant_ids: list[int], now: datetime) -> None:
    """Note that runs were taken out (unenrolled, removed): the lane closes what they asked for.

    One statement in the transaction that ends them; it locks nothing but these notes. A task that
    somebody made by hand stays, whoever asked for it later.
    """
    if not participant_ids:
        return
    noted = sql.run(
        "UPDATE journeys_taskask a SET ended_at = %s, closes = a.closes AND EXISTS"
        "  (SELECT 1 FROM journeys_task t WHERE t.id = a.task_id AND t.status <> 'closed'"
        "   AND t.origin = 'program')"
        " WHERE a.id IN (SELECT id FROM journeys_taskask WHERE participant_id = ANY(%s)"
        "  AND ended_at IS NULL ORDER BY id FOR UPDATE)",
        [now, sorted(participant_ids)],
    )
    if noted:
        wake_on_commit("live")
