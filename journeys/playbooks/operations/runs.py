"""Assigning playbooks and stopping their runs (PRG-80)."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction

from csplatform.customers.owners import owners_of
from csplatform.kit import audit, sql
from csplatform.kit.clock import database_now
from csplatform.kit.errors import Conflict, DomainError
from csplatform.kit.permissions import require
from journeys.emails.context import Recipient
from journeys.models import Playbook, PlaybookRun, PlaybookTask
from journeys.models.task import TaskOrigin
from journeys.playbooks.days import due_after
from journeys.playbooks.operations.close import close_tasks
from journeys.playbooks.operations.create import NewTask, insert_tasks
from journeys.playbooks.operations.settling import tell_runs
from journeys.playbooks.subjects import Subject, settle
from journeys.playbooks.texts import fill


@dataclass(frozen=True, slots=True)
class Asker:
    """The run of a program that assigns a playbook; once per visit of the step."""

    program_id: int
    participant_id: int
    step_id: int
    visit: int


@dataclass(frozen=True, slots=True)
class Assigned:
    """What came of one subject: its run, and whether it is new or was under way already."""

    run_id: int
    new: bool


def assign_playbook(
    playbook_id: int,
    subjects: Sequence[Subject],
    *,
    actor: Any,
    askers: Sequence[Asker] | None = None,
    now: datetime | None = None,
) -> list[Assigned]:
    """Start a playbook for subjects, with all its tasks; where it runs already nothing happens.

    Args:
        subjects: companies, or people (a person's tasks are about them at the company given, or
            at their primary one); in the order of the result.
        askers: for each subject, which step asks.

    Raises DomainError for a playbook that is off, empty or for others, NotAllowed.
    """
    require(actor, "journeys.add_playbookrun")
    if not subjects:
        return []
    with transaction.atomic():
        playbook = Playbook.objects.filter(pk=playbook_id).first()
        lines = list(playbook.tasks.select_related("type")) if playbook else []
        _check(playbook, lines)
        assert playbook is not None
        places = settle(_fit(playbook, subjects), "/subjects")
        moment = now or database_now()
        made = _insert(playbook, places, askers, actor, moment)
        new = {run_id: places[index] for index, (run_id, is_new) in made.items() if is_new}
        if new:
            tell_runs(
                [(run_id, playbook.pk, *_own(playbook, place)) for run_id, place in new.items()],
                "started", by=actor, now=moment,
            )  # fmt: skip
            _insert_tasks(playbook, lines, new, askers, actor, moment)
            if actor is not None:
                first = PlaybookRun.objects.get(pk=min(new))
                audit.record(actor, "playbook.assign", first, after={"runs": sorted(new)})
    return [Assigned(*made[index]) for index in range(len(subjects))]


def stop_runs(ids: Iterable[int], *, close: bool, actor: Any, now: datetime | None = None) -> int:
    """Stop running runs; how many. With `close` their open tasks are closed without an outcome,
    else they stay. Raises NotAllowed."""
    require(actor, "journeys.change_playbookrun")
    wanted = sorted(set(ids))
    with transaction.atomic():
        people = sql.rows(
            "SELECT person_id FROM journeys_playbookrun WHERE id = ANY(%s)"
            " AND person_id IS NOT NULL", [wanted],
        )  # fmt: skip
        sql.rows(
            "SELECT id FROM customers_person WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE",
            [sorted({row[0] for row in people})],
        )
        moment = now or database_now()
        stopped = sql.rows(
            "UPDATE journeys_playbookrun SET state = 'stopped', ended_at = %s WHERE id IN"
            " (SELECT id FROM journeys_playbookrun WHERE id = ANY(%s) AND state = 'running'"
            "  ORDER BY id FOR UPDATE) RETURNING id, playbook_id, person_id, company_id",
            [moment, wanted],
        )
        tell_runs(stopped, "stopped", by=actor, now=moment)
        runs = [row[0] for row in stopped]
        if close and runs:
            left = sql.rows(
                "SELECT id FROM journeys_task WHERE run_id = ANY(%s) AND status <> 'closed'", [runs]
            )
            reason = "The playbook was stopped."
            close_tasks([row[0] for row in left], actor=actor, reason=reason, now=moment)
        if runs and actor is not None:
            first = PlaybookRun.objects.get(pk=min(runs))
            audit.record(actor, "playbook.stop", first, after={"runs": runs, "closed": close})
    return len(runs)


def _check(playbook: Playbook | None, lines: Sequence[PlaybookTask]) -> None:
    if playbook is None:
        raise DomainError("There is no such playbook.", path="/playbook", code="unknown")
    if not playbook.is_active:
        message = f"“{playbook}” is switched off; switch it on first."
        raise Conflict(message, path="/playbook", code="inactive")
    if not lines:
        message = f"“{playbook}” has no tasks yet; add some first."
        raise Conflict(message, path="/playbook", code="empty")


def _fit(playbook: Playbook, subjects: Sequence[Subject]) -> list[Subject]:
    """Those that the playbook is for. Raises DomainError."""
    for index, subject in enumerate(subjects):
        if playbook.subject == "person" and subject.person_id is None:
            message = f"“{playbook}” is for people, so choose a person."
            raise DomainError(message, path=f"/subjects/{index}", code="subject")
        if playbook.subject == "company" and subject.company_id is None:
            message = f"“{playbook}” is for companies, so choose a company."
            raise DomainError(message, path=f"/subjects/{index}", code="subject")
    if playbook.subject == "company":
        return [Subject(company_id=subject.company_id) for subject in subjects]
    return list(subjects)


def _own(playbook: Playbook, place: Subject) -> tuple[int | None, int | None]:
    """Person and company of a run: only one of them."""
    if playbook.subject == "person":
        return place.person_id, None
    return None, place.company_id


_COLUMNS = (
    "id bigint, person_id bigint, company_id bigint, program_id bigint, participant_id bigint,"
    " step_id bigint, visit int"
)
_NAMES = ", ".join(part.split()[0] for part in _COLUMNS.split(","))
# Where it could not be inserted there is one; the newest is the one that was in the way.
_THERE = """
SELECT DISTINCT ON (r.person_id, r.company_id) r.person_id, r.company_id, r.id
FROM journeys_playbookrun r JOIN json_to_recordset(%s) AS x (person_id bigint, company_id bigint)
 ON r.person_id = x.person_id OR r.company_id = x.company_id
WHERE r.playbook_id = %s ORDER BY r.person_id, r.company_id, r.id DESC
"""


def _insert(
    playbook: Playbook,
    places: Sequence[Subject],
    askers: Sequence[Asker] | None,
    actor: Any,
    now: datetime,
) -> dict[int, tuple[int, bool]]:
    """Index of a subject to (run id, whether it is new). Two statements; the constraints decide."""
    ids = sql.next_ids("journeys_playbookrun_id_seq", len(places))
    rows = []
    for index, place in enumerate(places):
        person_id, company_id = _own(playbook, place)
        row = {"id": ids[index], "person_id": person_id, "company_id": company_id}
        if askers is not None:
            by = askers[index]
            row |= {"program_id": by.program_id, "participant_id": by.participant_id,
                    "step_id": by.step_id, "visit": by.visit}  # fmt: skip
        rows.append(row)
    expected = playbook.expected_days
    due = now.date() + timedelta(days=expected) if expected is not None else None
    text = json.dumps(rows)
    made = sql.rows(
        f"INSERT INTO journeys_playbookrun ({_NAMES}, playbook_id, name, state, started_at,"
        " started_by_id, due_on)"
        f" SELECT {_NAMES}, %s, %s, 'running', %s, %s, %s FROM json_to_recordset(%s)"
        f" AS x ({_COLUMNS}) ORDER BY x.id ON CONFLICT DO NOTHING RETURNING id",
        [playbook.pk, playbook.name, now, getattr(actor, "pk", None), due, text],
    )
    new = {row[0] for row in made}
    known = {(p, c): pk for p, c, pk in sql.rows(_THERE, [text, playbook.pk])}
    return {
        index: (ids[index], True) if ids[index] in new
        else (known[_own(playbook, place)], False)
        for index, place in enumerate(places)
    }  # fmt: skip


def _insert_tasks(
    playbook: Playbook,
    lines: Sequence[PlaybookTask],
    runs: dict[int, Subject],
    askers: Sequence[Asker] | None,
    actor: Any,
    now: datetime,
) -> None:
    """The tasks of new runs, their texts filled in, each for whoever has its role."""
    order = list(runs)
    program = askers[0].program_id if askers else None
    recipients = [Recipient(runs[r].person_id, runs[r].company_id, program_id=program)
                  for r in order]  # fmt: skip
    texts = fill([(line.title, line.description) for line in lines], recipients)
    owners = owners_by_role(
        {line.owner_role for line in lines}, {p.company_id for p in runs.values() if p.company_id}
    )
    active = active_users(line.fallback_id for line in lines)
    items = []
    for run_id, filled in zip(order, texts, strict=True):
        for line, (title, description) in zip(lines, filled, strict=True):
            owner = owners.get(line.owner_role, {}).get(runs[run_id].company_id or 0)
            new = NewTask(
                title=title or line.title, type_id=line.type_id, description=description,
                assignee_id=owner or (line.fallback_id if line.fallback_id in active else None),
                due_on=due_of(line, playbook, now.date()), priority=line.priority,
                reason=line.reason, origin=TaskOrigin.PLAYBOOK, program_id=program, run_id=run_id,
                place=line.position,
            )  # fmt: skip
            items.append((new, runs[run_id]))
    insert_tasks(items, by=actor, now=now)


def due_of(line: PlaybookTask, playbook: Playbook, start: date) -> date:
    """When a task of a run that starts on a day falls due."""
    return due_after(start, line.due_days, skip_weekends=playbook.skip_weekends)


def owners_by_role(roles: Iterable[str], companies: Iterable[int]) -> dict[str, dict[int, int]]:
    """For each role the user at each company; a query per role."""
    ids = sorted(set(companies))
    return {role: owners_of(ids, role) for role in sorted(set(roles)) if role}


def active_users(ids: Iterable[int | None]) -> set[int]:
    """Those of some users who did not leave."""
    wanted = sorted({id_ for id_ in ids if id_})
    if not wanted:
        return set()
    found = sql.rows("SELECT id FROM accounts_user WHERE id = ANY(%s) AND is_active", [wanted])
    return {row[0] for row in found}
