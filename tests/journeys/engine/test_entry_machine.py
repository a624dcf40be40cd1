"""Joining, leaving, coming back, goals, exits, taking out elsewhere: in any order, the runs are
those of a plain retelling (PRG-20, 22, 23, 25, 26). `STATE_EXAMPLES=500` runs the long form."""

import os
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from csplatform.customers.operations.attributes import patch_attributes
from csplatform.customers.operations.events import EventInput, record_events
from csplatform.kit import jobs, sql
from csplatform.segments.operations.definition import SegmentInput, save_segment
from csplatform.segments.operations.membership import add_members, remove_members
from journeys.models import Participant
from journeys.operations.enroll import enroll, remove_participants
from tests import factories as make

pytestmark = pytest.mark.django_db
EXAMPLES = int(os.environ.get("STATE_EXAMPLES", "12"))
PEOPLE = 3
AGAIN_DAYS = 5
WHO = st.integers(0, PEOPLE - 1)
CHAMPION = {"test": "attribute", "name": "persona", "operator": "equals", "value": "Champion"}
GONE = {"test": "attribute", "name": "role", "operator": "equals", "value": "gone"}
# Members of a list by leaving and coming back; by event; members again after days; by hand.
LIST, TICKET, AGAIN, HAND = "list", "ticket", "again", "hand"


@dataclass
class Run:
    """One run as it is told."""

    program: str
    person: int
    context: str = ""
    state: str = "active"
    reason: str = ""
    ended: int | None = None
    looked_at: bool = False


class Retelling:
    """What must have become of everybody; nothing here is clever."""

    def __init__(self, taker):
        self.runs, self.inside, self.champions, self.gone = [], set(), set(), set()
        self.day, self.taken_by = 0, f"Entered “{taker}”"

    def open(self, program, person, context=""):
        return [r for r in self.of(program, person, context) if r.state == "active"]

    def of(self, program, person, context=""):
        return [
            r for r in self.runs if (r.program, r.person, r.context) == (program, person, context)
        ]

    def end(self, run, state, reason):
        run.state, run.reason, run.ended = state, reason, self.day

    def enter(self, program, person, context=""):
        self.runs.append(Run(program, person, context))
        self.look(person)

    def look(self, person):
        """Goal and exits of one person."""
        for run in [r for r in self.runs if r.person == person and r.state == "active"]:
            if run.program == LIST and person in self.champions:
                self.end(run, "completed", "goal")
            if run.program == TICKET and person in self.gone:
                self.end(run, "unenrolled", "Gone")

    def join(self, person):
        if person in self.inside:
            return
        self.inside.add(person)
        if not self.open(LIST, person):
            self.enter(LIST, person)
        self.again(person)

    def again(self, person):
        """Enter the program that takes somebody again after days, if it may be."""
        earlier = self.of(AGAIN, person)
        if all(r.ended is not None and self.day - r.ended >= AGAIN_DAYS for r in earlier):
            self.enter(AGAIN, person)

    def leave(self, person):
        if person in self.inside:
            self.inside.remove(person)
            for run in self.open(LIST, person):
                self.end(run, "unenrolled", "Left the source")

    def ticket(self, person, number):
        if not self.of(TICKET, person, str(number)):
            self.enter(TICKET, person, str(number))

    def hand(self, person):
        if self.open(HAND, person):
            return
        for run in self.runs:
            if run.person == person and run.state == "active":
                self.end(run, "unenrolled", self.taken_by)
        self.enter(HAND, person)

    def remove(self, person):
        for run in self.runs:
            if run.person == person and run.state == "active":
                self.end(run, "removed", "Removed by hand")

    def pass_days(self, days):
        self.day += days
        for run in list(self.runs):
            due = run.ended is not None and self.day - run.ended >= AGAIN_DAYS
            if run.program == AGAIN and due and not run.looked_at:
                run.looked_at = True
                if run is self.of(AGAIN, run.person)[-1] and run.person in self.inside:
                    self.again(run.person)


class Play:
    """The engine, taken through the same."""

    def __init__(self):
        self.people = make.people(PEOPLE)
        for person in self.people:
            person.persona = person.role = ""
            person.save()
        self.segment = save_segment(SegmentInput("Machine", kind="static"), actor=None)
        source = {"kind": "segment", "segment": self.segment.pk}
        wait = make.step("wait_timer", "w1", amount=900, unit="days")
        tickets = {"kind": "event", "event": "ticket", "context_id": "n"}
        self.programs = {
            LIST: make.program(
                wait, entry={"sources": [source], "re_enrolment": "every_time"},
                leaving={"when_left": True}, goal=CHAMPION,
            ),
            TICKET: make.program(
                wait, entry={"sources": [tickets]}, exits=[{"name": "Gone", "rule": GONE}]
            ),
            AGAIN: make.program(
                wait, entry={"sources": [source], "re_enrolment": "after_days",
                             "re_enrolment_days": AGAIN_DAYS},
            ),
            HAND: make.program(
                wait, entry={"sources": [], "re_enrolment": "every_time"},
                leaving={"unenrol": "all"},
            ),
        }  # fmt: skip
        self.names = {program.pk: key for key, program in self.programs.items()}
        self.told = Retelling(self.programs[HAND].name)
        self.settle()

    def settle(self):
        jobs.drain("live", "bulk", rounds=500)

    def stored(self):
        numbers = {person.pk: place for place, person in enumerate(self.people)}
        rows = Participant.objects.order_by("pk").values_list(
            "program", "person", "context_id", "state", "end_reason"
        )
        return sorted((self.names[p], numbers[w], c, s, r) for p, w, c, s, r in rows)

    def expected(self):
        return sorted((r.program, r.person, r.context, r.state, r.reason) for r in self.told.runs)

    def pk(self, person):
        return self.people[person].pk

    def join(self, person):
        add_members(self.segment.pk, [self.pk(person)], actor=None)

    def leave(self, person):
        remove_members(self.segment.pk, [self.pk(person)], actor=None)

    def ticket(self, person, number):
        given = {"n": number}
        record_events([EventInput("ticket", person_id=self.pk(person), properties=given)])

    def hand(self, person):
        enroll(self.programs[HAND].pk, [self.pk(person)], actor=None)

    def remove(self, person):
        runs = Participant.objects.filter(person=self.pk(person), ended_at=None)
        remove_participants(list(runs.values_list("pk", flat=True)), actor=None)

    def say(self, person, name, value):
        patch_attributes("person", {self.pk(person): {name: value}}, cause={})

    def pass_days(self, days):
        for table, columns in (
            ("journeys_participant", ("entered_at", "ended_at")),
            ("journeys_program", ("reentered_until",)),
            ("segments_member", ("since",)),
        ):
            moved = ", ".join(f"{name} = {name} - %(span)s" for name in columns)
            sql.run(f"UPDATE {table} SET {moved}", {"span": timedelta(days=days)})


class Machine(RuleBasedStateMachine):
    """Each act on both sides; then workers run, and the runs are compared."""

    def __init__(self):
        super().__init__()
        self.around = transaction.atomic()
        self.around.__enter__()
        self.play = Play()

    def teardown(self):
        transaction.set_rollback(True)
        self.around.__exit__(None, None, None)

    def _act(self, name, *numbers):
        getattr(self.play.told, name)(*numbers)
        getattr(self.play, name)(*numbers)
        self.play.settle()

    @rule(who=WHO)
    def join(self, who):
        self._act("join", who)

    @rule(who=WHO)
    def leave(self, who):
        self._act("leave", who)

    @rule(who=WHO, number=st.integers(1, 2))
    def ticket(self, who, number):
        self._act("ticket", who, number)

    @rule(who=WHO)
    def enter_by_hand(self, who):
        self._act("hand", who)

    @rule(who=WHO)
    def remove(self, who):
        self._act("remove", who)

    @rule(days=st.integers(1, 6))
    def pass_days(self, days):
        self._act("pass_days", days)

    @rule(who=WHO, is_champion=st.booleans())
    def persona(self, who, is_champion):
        told = self.play.told
        (told.champions.add if is_champion else told.champions.discard)(who)
        self.play.say(who, "persona", "Champion" if is_champion else "User")
        told.look(who)
        self.play.settle()

    @rule(who=WHO, is_gone=st.booleans())
    def role(self, who, is_gone):
        told = self.play.told
        (told.gone.add if is_gone else told.gone.discard)(who)
        self.play.say(who, "role", "gone" if is_gone else "here")
        told.look(who)
        self.play.settle()

    @invariant()
    def agrees(self):
        assert self.play.stored() == self.play.expected()


def test_entry_and_its_retelling_stay_in_step():
    """PRG-20, 22, 23, 25, 26: any order of acts, compared after each of them."""
    run_machine(
        Machine,
        settings=settings(
            max_examples=EXAMPLES, stateful_step_count=14, deadline=None, database=None,
            print_blob=True,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large,
                                   HealthCheck.filter_too_much],
        ),
    )  # fmt: skip
