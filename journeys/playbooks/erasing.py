"""Tasks and playbooks forget an erased person (CUS-04)."""

import re

from csplatform.customers.hooks import Erasure
from csplatform.customers.operations.erase import emptied
from csplatform.kit import sql
from journeys.models import Task, TaskChange
from journeys.playbooks.operations.close import close_tasks
from journeys.playbooks.operations.runs import stop_runs

REASON = "The person was erased."
GONE = "(erased)"
# What texts there are: (table alias t joins to tasks as k, column, whether it is JSON).
_TEXTS = (
    ("journeys_task", "t.id = k.id", ("title", "description"), False),
    ("journeys_taskchange", "t.task_id = k.id", ("text",), False),
    ("journeys_taskchange", "t.task_id = k.id", ("old", "new"), True),
)


def forget_work(erasure: Erasure) -> None:
    """What was to be done about them is closed and says nothing any more; where tasks about their
    companies name them, the name goes. An erase hook; it may run twice."""
    who = {"ids": list(erasure.ids)}
    runs = sql.rows(
        "SELECT id FROM journeys_playbookrun WHERE person_id = ANY(%(ids)s) AND state = 'running'",
        who,
    )
    if runs:
        stop_runs((row[0] for row in runs), close=True, actor=None, now=erasure.moment)
    open_ = sql.rows(
        "SELECT id FROM journeys_task WHERE person_id = ANY(%(ids)s) AND status <> 'closed'", who
    )
    if open_:
        close_tasks((row[0] for row in open_), actor=None, reason=REASON, now=erasure.moment)
    mine = Task.objects.filter(person__in=erasure.ids)
    TaskChange.objects.filter(task__in=mine).update(**emptied(TaskChange))
    mine.update(**emptied(Task))
    _forget_words(erasure)


def _forget_words(erasure: Erasure) -> None:
    """Addresses in any task, names and other words in tasks about companies that they were at."""
    words = [re.escape(word) for word in sorted(erasure.words) if len(word) > 2]
    addresses = [re.escape(address) for address in sorted(erasure.addresses)]
    at_theirs = (
        "k.company_id IN (SELECT company_id FROM customers_membershipchange"
        " WHERE person_id = ANY(%(ids)s))"
    )
    for patterns, where in ((words, at_theirs), (addresses, "TRUE")):
        if not patterns:
            continue
        values = {
            "ids": list(erasure.ids), "gone": GONE,
            "pattern": rf"(?<!\w)({'|'.join(patterns)})(?!\w)",
        }  # fmt: skip
        for table, join, columns, is_json in _TEXTS:
            for column in columns:
                text, back = (f"t.{column}::text", "::jsonb") if is_json else (f"t.{column}", "")
                sql.run(
                    f"UPDATE {table} t SET {column} ="
                    f" regexp_replace({text}, %(pattern)s, %(gone)s, 'gi'){back}"
                    f" FROM journeys_task k WHERE {join} AND {where} AND {text} ~* %(pattern)s",
                    values,
                )
