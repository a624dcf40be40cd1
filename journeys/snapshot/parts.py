"""The people of a company's run: whom its steps addressed, and what became of it (PRG-12)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from csplatform.accounts.models import User
from csplatform.customers.models import EventName, Person
from csplatform.kit import sql
from csplatform.kit.registry import Registry
from journeys.models import Outbox, Part, Step

MAX_ROWS = 500


@dataclass(frozen=True)
class Became:
    """What came of one message or invitation.

    Attributes:
        words: e.g. "Opened"; tone: "good", "warn", "error", "info" or "".
        at: when that was, if it is known.
        message_id: the message that tells more.
    """

    words: str
    tone: str = ""
    at: datetime | None = None
    message_id: int | None = None


# Channel -> what became of these parts, by part id; one call for all parts of a channel.
PartTeller = Callable[[Sequence[Part]], Mapping[int, Became]]
part_tellers: Registry[PartTeller] = Registry("teller of parts")


@dataclass(frozen=True)
class PartRow:
    """One line: who, at which step, and what became of it."""

    part: Part
    label: str
    person_id: int | None
    step: str
    became: Became


def parts_of_run(participant_id: int) -> list[PartRow]:
    """Everybody whom a run addressed, in order; a constant number of queries."""
    parts = list(Part.objects.filter(participant_id=participant_id).order_by("id")[:MAX_ROWS])
    people = Person.objects.in_bulk({part.person_id for part in parts if part.person_id})
    users = User.objects.in_bulk({part.user_id for part in parts if part.user_id})
    steps = Step.objects.in_bulk({part.step_id for part in parts})
    became: dict[int, Became] = {}
    for channel in sorted({part.channel for part in parts}):
        if channel in part_tellers:
            of_channel = [part for part in parts if part.channel == channel]
            became |= part_tellers.get(channel)(of_channel)
    return [
        PartRow(
            part=part,
            label=_label(part, people, users),
            person_id=part.person_id,
            step=steps[part.step_id].name if part.step_id in steps else part.step_key,
            became=_refused(part) or became.get(part.pk, Became("Unknown")),
        )
        for part in parts
    ]


def _refused(part: Part) -> Became | None:
    return Became(part.refused.capitalize(), "warn") if part.refused else None


def _label(part: Part, people: Mapping[int, Person], users: Mapping[int, User]) -> str:
    if part.person_id:
        return str(people.get(part.person_id, f"Person {part.person_id}"))
    if part.user_id:
        return str(users.get(part.user_id, f"User {part.user_id}"))
    return part.address or "A fixed address"


def mails_became(parts: Sequence[Part]) -> dict[int, Became]:
    """Sent, opened, clicked: the furthest that each mail got."""
    messages = Outbox.objects.in_bulk([part.ref for part in parts if part.ref])
    names = dict(
        EventName.objects.filter(name__in=("email.opened", "email.clicked")).values_list(
            "pk", "name"
        )
    )
    rows = sql.rows(
        "SELECT DISTINCT ON (e.ref, e.name_id) e.ref, e.name_id, e.occurred_at"
        " FROM unnest(%s::bigint[], %s::bigint[]) AS t (person, ref)"
        " JOIN customers_event e ON e.person_id = t.person AND e.ref = t.ref"
        " AND e.name_id = ANY(%s) ORDER BY e.ref, e.name_id, e.occurred_at",
        [
            [part.person_id for part in parts if part.person_id],
            [part.ref for part in parts if part.person_id],
            list(names),
        ],
    )
    seen = {(ref, names[name_id]): at for ref, name_id, at in rows}
    found = {}
    for part in parts:
        message = messages.get(part.ref or 0)
        if message is not None:
            found[part.pk] = _mail(message, seen)
    return found


def _mail(message: Outbox, seen: Mapping[tuple[int, str], datetime]) -> Became:
    for event, words in (("email.clicked", "Clicked"), ("email.opened", "Opened")):
        if (message.pk, event) in seen:
            return Became(words, "good", seen[message.pk, event], message.pk)
    tone = {"dead": "error", "uncertain": "warn", "cancelled": "warn"}.get(message.state, "")
    words = message.get_state_display()
    if message.error and tone:
        words = f"{words}: {message.error}"
    return Became(words, tone, message.sent_at, message.pk)


def register() -> None:
    """Called once at start."""
    part_tellers.register("email", mails_became)
