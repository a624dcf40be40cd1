"""When participants have to be looked at again because time alone may meet a rule of their version.

Goals, exit rules and rule conditions of waits; noted whenever somebody looks at them, and by a
sweep for those whom nobody looks at for days.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache

from csplatform.freshness.flips import note_flips, time_key
from csplatform.kit import sql
from csplatform.kit.clock import database_now
from csplatform.rules.flips import Whom, next_flips, these
from csplatform.rules.references import time_dependent
from csplatform.rules.tree import AllOf, Node
from journeys.engine.runs import Run
from journeys.engine.versions import CompiledVersion, load_versions

CONSUMER = "journeys"


def flips_key(version: CompiledVersion) -> str:
    """The fact key of a version's due flips."""
    return time_key(CONSUMER, version.id)


def timed_rules(version: CompiledVersion) -> AllOf | None:
    """Everything in a version that time alone may meet, as one rule; None for nothing."""
    return _timed(version.id, version.amendment)


@lru_cache(maxsize=500)
def _timed(version_id: int, amendment: int) -> AllOf | None:
    version = load_versions([version_id])[version_id]
    nodes: list[Node] = [rule.rule for rule in version.exit_rules]
    nodes += [] if version.goal is None else [version.goal]
    for view in version.steps.values():
        nodes += view.kind.waits_on(view.config, version.subject)
    found = tuple(node for node in nodes if time_dependent(node, version.subject))
    return AllOf(found) if found else None


def note_runs(runs: Iterable[Run], now: datetime) -> None:
    """For those who stay inside: when to look again. One statement per version that needs it."""
    staying: dict[int, list[Run]] = defaultdict(list)
    for run in runs:
        if not run.over:
            staying[run.version.id].append(run)
    for group in staying.values():
        subjects = {run.traveller.subject_id for run in group}
        _note(group[0].version, these(subjects), now)


def sweep() -> None:
    """Note the flips of the days to come for everybody inside (periodic chore)."""
    inside = sql.rows(
        "SELECT v.id FROM journeys_programversion v WHERE EXISTS (SELECT 1"
        " FROM journeys_participant p WHERE p.version_id = v.id AND p.program_id = v.program_id"
        " AND p.state = 'active' AND p.ended_at IS NULL)"
    )
    for version in load_versions(row[0] for row in inside).values():
        whom = Whom(
            f"{{id}} IN (SELECT p.{version.subject}_id FROM journeys_participant p"
            " WHERE p.version_id = %s AND p.ended_at IS NULL)",
            (version.id,),
        )
        _note(version, whom, database_now())


def _note(version: CompiledVersion, whom: Whom, at: datetime) -> None:
    rules = timed_rules(version)
    query = next_flips(rules, version.subject, at, whom) if rules else None
    if query:
        note_flips(CONSUMER, version.id, version.subject, query.text, query.params, at)
