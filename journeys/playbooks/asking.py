"""Tasks that steps of programs ask for: once per participant, step and visit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from csplatform.kit import sql
from journeys.playbooks.operations.create import Made, NewTask, insert_tasks
from journeys.playbooks.subjects import Subject, settle


@dataclass(frozen=True, slots=True)
class Asker:
    """A participant at a step. `closes`: its task is closed when the run is taken out."""

    participant_id: int
    step_key: str
    visit: int
    closes: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """The task of one who asked. `status` and `outcome` are the task's."""

    task_id: int
    status: str
    outcome: str
    new: bool = False


def newcomers(askers: Sequence[Asker]) -> set[int]:
    """Participants who have not asked at this visit before; from now on they have. One statement.

    The notes are written first, so that a step that runs twice makes its tasks once.
    """
    found = sql.rows(
        "INSERT INTO journeys_taskask (participant_id, step_key, visit, closes)"
        " SELECT * FROM unnest(%s::bigint[], %s::text[], %s::int[], %s::boolean[]) AS"
        " x (participant_id, step_key, visit, closes) ORDER BY 1"
        " ON CONFLICT (participant_id, step_key, visit) DO NOTHING RETURNING participant_id",
        [
            [a.participant_id for a in askers], [a.step_key for a in askers],
            [a.visit for a in askers], [a.closes for a in askers],
        ],
    )  # fmt: skip
    return {row[0] for row in found}


def ask(
    wanted: Mapping[int, NewTask], askers: Sequence[Asker], *, now: datetime
) -> dict[int, Asked]:
    """Make the tasks of newcomers, by participant id; a constant number of statements."""
    order = list(wanted)
    places = settle([Subject(wanted[i].person_id, wanted[i].company_id) for i in order])
    items = [(wanted[i], place) for i, place in zip(order, places, strict=True)]
    made: dict[int, Made] = dict(zip(order, insert_tasks(items, by=None, now=now), strict=True))
    visits = {a.participant_id: a for a in askers}
    sql.run(
        "UPDATE journeys_taskask a SET task_id = x.task_id"
        " FROM unnest(%s::bigint[], %s::text[], %s::int[], %s::bigint[])"
        " AS x (participant_id, step_key, visit, task_id) WHERE a.participant_id = x.participant_id"
        " AND a.step_key = x.step_key AND a.visit = x.visit",
        [
            order, [visits[i].step_key for i in order], [visits[i].visit for i in order],
            [made[i].task_id for i in order],
        ],
    )  # fmt: skip
    return {i: Asked(made[i].task_id, "open", "", made[i].new) for i in order}


def asked(askers: Sequence[Asker]) -> dict[int, Asked]:
    """The tasks of those who have asked at this visit, as they are now. One statement."""
    found = sql.rows(
        "SELECT a.participant_id, t.id, t.status, t.outcome"
        " FROM unnest(%s::bigint[], %s::text[], %s::int[]) AS x (participant_id, step_key, visit)"
        " JOIN journeys_taskask a ON a.participant_id = x.participant_id"
        "  AND a.step_key = x.step_key AND a.visit = x.visit"
        " JOIN journeys_task t ON t.id = a.task_id",
        [
            [a.participant_id for a in askers], [a.step_key for a in askers],
            [a.visit for a in askers],
        ],
    )  # fmt: skip
    return {participant: Asked(*rest) for participant, *rest in found}
