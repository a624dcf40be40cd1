"""Taking a batch: who it is, what happened, what is due. Hand-written SQL, no ORM."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import OperationalError, transaction
from psycopg.errors import DeadlockDetected

from csplatform.customers.operations.events import EventInput, EventResult, record_events
from csplatform.kit import rates, sql
from csplatform.kit.errors import DomainError, Problem
from engagements.tracker import rejected, visitors
from engagements.tracker.contract import Item, Look, VisitorView, deciders, item_kinds
from engagements.tracker.envelope import Batch, Refused, refuse
from engagements.tracker.identify import IDENTIFY, Identified, identify

# When a batch set something in motion, the browser looks again after these milliseconds.
SECOND_LOOKS = [400, 1500]
ATTEMPTS = 4


@dataclass
class _Outcome:
    """What a batch came to, by the index of its items."""

    visitor: VisitorView
    statuses: dict[int, str] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    ignored: dict[int, list[Problem]] = field(default_factory=dict)
    woke: bool = False


def take(batch: Batch, *, source_id: int, now: datetime) -> dict[str, Any]:
    """Store what is good in a batch and answer it.

    Everything answered "ok" is committed before this returns. Returns the reply's JSON: one
    result per item, what to show now, and when to look again.
    """
    outcome = _store(batch, source_id, now)
    refused = [*batch.refused, *outcome.refused]
    rejected.note(
        [*refused, *_ignored_traits(batch, outcome)],
        source_id=source_id, anonymous_id=batch.anonymous_id, now=now,
    )  # fmt: skip
    show = _decide(batch, outcome.visitor, now) if batch.look else None
    kinds = Counter(outcome.statuses.values())
    rates.ingested(
        "tracker", accepted=kinds["ok"], duplicate=kinds["duplicate"], rejected=len(refused)
    )
    reply: dict[str, Any] = {"results": _results(batch, outcome, refused), "show": show}
    if outcome.woke and show is None:
        reply["again"] = SECOND_LOOKS
    return reply


def _ignored_traits(batch: Batch, outcome: _Outcome) -> list[Refused]:
    """Traits that were left out, for the page of rejected events; the item itself was taken."""
    by_index = {item.index: item for item in batch.items}
    return [
        Refused(index, by_index[index].message_id, IDENTIFY, problem, None)
        for index, problems in outcome.ignored.items()
        for problem in problems
    ]


def _store(batch: Batch, source_id: int, now: datetime) -> _Outcome:
    """One transaction. An item that only the database can refuse is left out in a second go; who
    loses a race against a merge of people tries again."""
    bad: dict[int, Refused] = {}
    for _ in range(ATTEMPTS):
        try:
            with transaction.atomic():
                outcome = _store_once(batch, bad, source_id, now)
            outcome.refused += bad.values()
            return outcome
        except _BadItems as error:
            bad |= {refusal.index: refusal for refusal in error.refusals}
        except OperationalError as error:
            if not isinstance(error.__cause__, DeadlockDetected):
                raise
    raise DomainError("The batch could not be stored; send it again.", code="busy")


class _BadItems(Exception):
    """Items that made the transaction fail."""

    def __init__(self, refusals: Sequence[Refused]) -> None:
        self.refusals = refusals
        super().__init__()


def _store_once(batch: Batch, bad: dict[int, Refused], source_id: int, now: datetime) -> _Outcome:
    items = [item for item in batch.items if item.index not in bad]
    alone = any(item.type == IDENTIFY for item in items)
    row = visitors.find_or_make(source_id, batch.anonymous_id, now, alone=alone)
    outcome = _Outcome(VisitorView(row.id, source_id, row.person_id, row.company_id))
    for item in items:
        if item.type == IDENTIFY:
            _identify(item, outcome)
    _record([item for item in items if item.type != IDENTIFY], outcome)
    if alone and outcome.visitor.person_id is not None:
        visitors.tie(row, outcome.visitor.person_id, outcome.visitor.company_id, now)
    visitors.mark_seen(row, now)
    return outcome


def _identify(item: Item, outcome: _Outcome) -> None:
    """Take an identify item; one that is wrong leaves the visitor as it was."""
    visitor = outcome.visitor
    if not _first_time(visitor.source_id, item.message_id):
        outcome.statuses[item.index] = "duplicate"
        return
    try:
        with transaction.atomic():
            found = identify(item.data, source_id=visitor.source_id, path=item.path)
            if visitor.person_id not in (None, found.person_id):
                raise DomainError(
                    "This visitor is somebody else already: call reset before identify.",
                    path=item.path, code="other_person",
                )  # fmt: skip
    except DomainError as error:
        outcome.refused.append(_refusal(item, error.problems[0]))
        return
    _signed_in(item, found, outcome)


def _signed_in(item: Item, found: Identified, outcome: _Outcome) -> None:
    outcome.statuses[item.index] = "ok"
    if found.ignored:
        outcome.ignored[item.index] = found.ignored
    outcome.woke |= found.changed or outcome.visitor.person_id is None
    company_id = found.company_id or outcome.visitor.company_id
    outcome.visitor = replace(outcome.visitor, person_id=found.person_id, company_id=company_id)


def _first_time(source_id: int, message_id: str) -> bool:
    """Note a message id that no event carries; False when it was noted before."""
    return bool(
        sql.run(
            "INSERT INTO customers_eventmessage (source_id, message_id, recorded_at)"
            " VALUES (%s, %s, now()) ON CONFLICT (source_id, message_id) DO NOTHING",
            [source_id, message_id],
        )
    )


def _record(items: list[Item], outcome: _Outcome) -> None:
    """Ask each kind for its events, store all of them at once."""
    events: list[EventInput] = []
    owners: list[Item] = []
    for kind in item_kinds:
        mine = [item for item in items if item.type == kind.key]
        if not mine:
            continue
        answers = kind.events(mine, outcome.visitor)
        for item, answer in zip(mine, answers, strict=True):
            if isinstance(answer, Problem):
                outcome.refused.append(_refusal(item, answer))
                continue
            outcome.statuses[item.index] = "ok"
            events += answer
            owners += [item] * len(answer)
    if events:
        _store_events(events, owners, outcome)


def _store_events(events: list[EventInput], owners: list[Item], outcome: _Outcome) -> None:
    try:
        results = record_events(events, source_id=outcome.visitor.source_id, savepoint=False)
    except DomainError as error:
        raise _BadItems([_blame(problem, owners) for problem in error.problems]) from None
    seen: dict[int, list[EventResult]] = {}
    for owner, result in zip(owners, results, strict=True):
        seen.setdefault(owner.index, []).append(result)
    for index, mine in seen.items():
        if all(result.status == "duplicate" for result in mine):
            outcome.statuses[index] = "duplicate"
    outcome.woke |= any(result.status == "new" and result.heard for result in results)


def _blame(problem: Problem, owners: list[Item]) -> Refused:
    """The item behind a problem of the event list ("/3/properties")."""
    index, _, rest = problem.path.removeprefix("/").partition("/")
    owner = owners[int(index)]
    return _refusal(owner, Problem(f"{owner.path}/{rest}", problem.message, problem.code))


def _refusal(item: Item, problem: Problem) -> Refused:
    raw = {"id": item.message_id, "type": item.type, "data": item.data.model_dump(mode="json")}
    return refuse(item.index, raw, problem)


def _decide(batch: Batch, visitor: VisitorView, now: datetime) -> dict[str, Any] | None:
    """What is due for an identified visitor. Read after the commit: it sees its own events."""
    if visitor.person_id is None:
        return None
    look = Look(visitor, visitor.person_id, batch.url, now)
    for decider in deciders:
        if (found := decider(look)) is not None:
            return found
    return None


def _results(batch: Batch, outcome: _Outcome, refused: Sequence[Refused]) -> list[dict[str, Any]]:
    """One result per item, in the order of the batch."""
    results: dict[int, dict[str, Any]] = {}
    for item in batch.items:
        status = outcome.statuses.get(item.index)
        if status:
            results[item.index] = {"id": item.message_id, "status": status}
        if item.index in outcome.ignored:
            results[item.index]["ignored"] = [
                {"path": p.path, "reason": p.message} for p in outcome.ignored[item.index]
            ]
    for refusal in refused:
        results[refusal.index] = {
            "id": refusal.message_id,
            "status": "rejected",
            "reason": refusal.problem.message,
            "code": refusal.problem.code,
            "path": refusal.problem.path,
        }
    return [results[index] for index in sorted(results)]
