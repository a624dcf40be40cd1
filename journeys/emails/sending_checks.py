"""May this mail still leave? Asked once more at the moment of sending.

Rooms and later parts (consent, suppression, caps, send windows) register checks of their own.
Checks are set-based: one call for a whole batch.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from csplatform.customers.models import Person
from csplatform.kit.registry import Registry
from journeys.emails.message import Message
from journeys.models import Participant, Program
from journeys.models.participant import ParticipantState
from journeys.models.program import ProgramState

PAUSED_LOOK_SECONDS = 300
PAUSED = "The program is paused."


@dataclass(frozen=True)
class Cancel:
    """Never send it; the reason is shown."""

    reason: str


@dataclass(frozen=True)
class Postpone:
    """Not now; ask again later."""

    reason: str
    seconds: int


Verdict = Cancel | Postpone
# Message ids that may not leave now, with the reason. Messages not named may.
SendingCheck = Callable[[Sequence[Message]], Mapping[int, Verdict]]
sending_checks: Registry[SendingCheck] = Registry("sending check")


def verdicts(messages: Sequence[Message]) -> dict[int, Verdict]:
    """What all checks say; a cancellation wins over a delay, else the first to object."""
    found: dict[int, Verdict] = {}
    for check in sending_checks:
        for message_id, verdict in check(messages).items():
            if message_id not in found or (
                isinstance(verdict, Cancel) and isinstance(found[message_id], Postpone)
            ):
                found[message_id] = verdict
    return found


def check_person(messages: Sequence[Message]) -> dict[int, Verdict]:
    """The person is still there and has an address."""
    mails = [m for m in messages if not m.is_test]
    rows = Person.objects.filter(pk__in={m.person_id for m in mails if m.person_id}).order_by()
    people = {
        pk: (merged, erased, email)
        for pk, merged, erased, email in rows.values_list(
            "pk", "merged_into_id", "erased_at", "email"
        )
    }
    return {m.id: Cancel(reason) for m in mails if (reason := _objection(people, m.person_id))}


def _objection(people: Mapping[int, tuple], person_id: int | None) -> str:
    if person_id is None or person_id not in people:
        return "The person no longer exists."
    merged, erased, email = people[person_id]
    if erased:
        return "The person was erased."
    if merged:
        return "The person was merged into another one."
    return "" if email else "The person has no email address."


def check_run(messages: Sequence[Message]) -> dict[int, Verdict]:
    """The run was not taken back. A completed run's last mail still goes out."""
    mails = [m for m in messages if m.participant_id]
    states = _states(Participant, (m.participant_id for m in mails))
    gone = (ParticipantState.UNENROLLED, ParticipantState.REMOVED)
    return {
        m.id: Cancel("The participant left the program before the message went out.")
        for m in mails
        if states.get(m.participant_id, ParticipantState.REMOVED) in gone
    }


def check_program(messages: Sequence[Message]) -> dict[int, Verdict]:
    """The program was neither stopped nor paused."""
    mails = [m for m in messages if m.program_id]
    states = _states(Program, (m.program_id for m in mails if m.program_id))
    found: dict[int, Verdict] = {}
    for mail in mails:
        state = states.get(mail.program_id or 0, ProgramState.STOPPED)
        if state == ProgramState.STOPPED:
            found[mail.id] = Cancel("The program was stopped.")
        elif state == ProgramState.PAUSED:
            found[mail.id] = Postpone(PAUSED, PAUSED_LOOK_SECONDS)
    return found


def _states(model: type[Participant] | type[Program], ids: Iterable[int]) -> dict[int, str]:
    return dict(
        model._default_manager.filter(pk__in=set(ids)).order_by().values_list("pk", "state")
    )


def register_checks() -> None:
    """The checks that mails always pass."""
    sending_checks.register("person", check_person)
    sending_checks.register("participant", check_run)
    sending_checks.register("program", check_program)
