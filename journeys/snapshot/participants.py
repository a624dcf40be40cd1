"""Participants behind a figure: filters of the list, as a QuerySet."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Lower

from csplatform.customers.models import Company, Person
from journeys.models import Participant, Program, Step, Transition
from journeys.models.participant import RUNNING, ParticipantState

STATES = {
    "": "All states",
    "running": "In progress",
    **dict(ParticipantState.choices),
}
# Held-out runs stand apart: they are listed when asked for.
CONTROLS = {"": "Not held out", "held": "Held out", "all": "All"}
WHATS = {
    "reached": "reached the step",
    "here": "are at the step now",
    "done": "went on from the step",
    "left": "left at the step",
    "failed": "failed at the step",
    "moved": "were moved on by a new version",
}


@dataclass(frozen=True)
class PeopleFilter:
    """What to look for. Unknown words count as not given.

    Attributes:
        step: key of a step; what: one of WHATS; exit: with what "done", the exit they took.
    """

    state: str = ""
    step: str = ""
    what: str = ""
    exit: str = ""
    goal: bool = False
    control: str = ""
    search: str = ""

    @classmethod
    def read(cls, query: Mapping[str, str]) -> "PeopleFilter":
        """From the query of an address."""
        state, what = query.get("state", ""), query.get("what", "")
        control = query.get("control", "")
        return cls(
            state=state if state in STATES else "",
            step=query.get("step", "")[:20],
            what=what if what in WHATS else "",
            exit=query.get("exit", "")[:40],
            goal=query.get("goal") == "1",
            control=control if control in CONTROLS else "",
            search=query.get("q", "").replace("\x00", "").strip()[:200],
        )


def find_people(program: Program, wanted: PeopleFilter) -> QuerySet[Participant]:
    """Participants of a program, newest first; names come with them."""
    rows = program.participants.select_related("person", "company", "at_company", "step")
    if wanted.state == "running":
        rows = rows.filter(state__in=RUNNING)
    elif wanted.state:
        rows = rows.filter(state=wanted.state)
    if wanted.control != "all":
        rows = rows.exclude(control="") if wanted.control else rows.filter(control="")
    if wanted.goal:
        rows = rows.filter(goal_at__isnull=False)
    if wanted.step:
        rows = _at_step(rows, program, wanted)
    if wanted.search:
        rows = matching(rows, wanted.search)
    return rows.order_by("-id")


def _at_step(
    rows: QuerySet[Participant], program: Program, wanted: PeopleFilter
) -> QuerySet[Participant]:
    steps = list(
        Step.objects.filter(version__program=program, key=wanted.step).values_list("pk", flat=True)
    )
    here = Q(step__in=steps, ended_at=None)
    happened = Transition.objects.filter(
        program_id=program.pk, step_id__in=steps, participant_id=OuterRef("pk")
    )
    failed = Q(state=ParticipantState.FAILED, step__in=steps)
    if wanted.what == "done":
        gone = happened.filter(kind="go")
        if wanted.exit:
            gone = gone.filter(exit=wanted.exit)
        return rows.filter(Exists(gone))
    if wanted.what == "left":
        return rows.filter(Exists(happened.filter(kind="leave")))
    moved = happened.filter(kind="move", exit="moved")
    if wanted.what == "moved":
        return rows.filter(Exists(moved))
    if wanted.what == "failed":
        return rows.filter(failed)
    if wanted.what == "reached":
        gone = happened.filter(kind__in=["go", "leave"])
        return rows.filter(here | failed | Q(Exists(gone)) | Q(Exists(moved)))
    return rows.filter(here)


def matching(rows: QuerySet[Participant], text: str) -> QuerySet[Participant]:
    """By the beginning of a name or address, as the indexes have it."""
    names = _beginning(Person, "name", text)
    addresses = _beginning(Person, "email", text)
    companies = _beginning(Company, "name", text)
    return rows.filter(
        Q(person__in=names)
        | Q(person__in=addresses)
        | Q(company__in=companies)
        | Q(at_company__in=companies)
    )


def _beginning(model: type[Person] | type[Company], column: str, text: str) -> QuerySet[Any]:
    """Ids of rows whose column begins with a text, whatever the case."""
    rows = model.objects.alias(low=Lower(column)).filter(low__startswith=text.lower())
    return rows.order_by().values("pk")
