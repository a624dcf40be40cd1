"""Two people turned out to be one: their tasks and playbook runs become the winner's."""

from datetime import datetime

from csplatform.kit import sql
from journeys.playbooks.history import PLAYBOOK_FACT, TASK_FACT, touch_fact
from journeys.playbooks.operations.settling import tell_runs


def repoint_work(winner: int, loser: int, moment: datetime) -> None:
    """Give the loser's tasks and runs to the winner; nothing to do is lost.

    Where both have an open task of one type and reason, both stay and the loser's stops guarding;
    where both are in a playbook, the younger run is stopped and keeps its tasks. A merge hook:
    with both people locked; it may run twice.
    """
    both = {"winner": winner, "loser": loser, "moment": moment}
    younger = sql.rows(
        "UPDATE journeys_playbookrun r SET state = 'stopped', ended_at = %(moment)s"
        " WHERE r.id IN (SELECT max(id) FROM journeys_playbookrun"
        "  WHERE person_id IN (%(winner)s, %(loser)s) AND state = 'running'"
        "  GROUP BY playbook_id HAVING count(*) > 1)"
        " RETURNING r.id, r.playbook_id, r.person_id, r.company_id",
        both,
    )
    tell_runs(
        [(run, playbook, winner, company) for run, playbook, _, company in younger],
        "stopped", by=None, now=moment,
    )  # fmt: skip
    sql.run(
        "UPDATE journeys_task l SET guarded = FALSE WHERE l.person_id = %(loser)s AND l.guarded"
        " AND l.status <> 'closed' AND EXISTS (SELECT 1 FROM journeys_task w"
        "  WHERE w.person_id = %(winner)s AND w.guarded AND w.status <> 'closed'"
        "  AND w.company_id IS NOT DISTINCT FROM l.company_id AND w.type_id = l.type_id"
        "  AND w.reason = l.reason)",
        both,
    )
    for table, fact in (("playbookrun", PLAYBOOK_FACT), ("task", TASK_FACT)):
        moved = sql.run(
            f"UPDATE journeys_{table} SET person_id = %(winner)s WHERE id IN (SELECT id"
            f" FROM journeys_{table} WHERE person_id = %(loser)s ORDER BY id FOR UPDATE)",
            both,
        )
        touch_fact([(winner, None)] if moved else [], fact)
