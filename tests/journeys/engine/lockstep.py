"""The engine and its plain retelling, taken through the same things one after the other.

Every act takes small numbers and finds by itself what they mean just now, so that a list of acts is
a script: it can be played again, shortened, and played with other batch sizes.
"""

from copy import deepcopy
from datetime import timedelta

import pytest
from django.db import OperationalError, transaction

from csplatform.customers.models import AttributeDefinition
from csplatform.customers.operations.attributes import patch_attributes
from csplatform.customers.operations.erase import erase_person
from csplatform.customers.operations.events import EventInput, record_events, subscribe
from csplatform.customers.operations.merge import merge_people
from csplatform.freshness import loop
from csplatform.kit import jobs, sql
from csplatform.kit.errors import Conflict
from journeys.engine import advance, flips, inbox, names, reactions, store, versions
from journeys.flow.document import dump
from journeys.flow.parse import parse_flow
from journeys.models import Outbox, Participant, Program
from journeys.operations.amend import amend_step
from journeys.operations.draft import save_draft
from journeys.operations.enroll import enroll, remove_participants, retry_participants
from journeys.operations.life import pause_program, resume_program, stop_program
from journeys.operations.publish import publish_program
from journeys.operations.relocate import relocate_chunk
from tests import factories as make
from tests.journeys.engine.flows import AMENDED, FLOWS, LOGIN, VARIANTS, wait
from tests.oracles import journeys as plain

PEOPLE = 4
PLANS = (None, "free", "pro", "gone")
EVENTS = ("email.opened", "email.clicked")
CONTEXTS = ("", "order-7")
DEAD_WORKER = 4_242_424_242
# What lies in the past or the future of the engine, by table.
MOMENTS = {
    "journeys_participant": "due_at limit_at step_since entered_at ended_at goal_at",
    "journeys_outbox": "due_at created_at",
    "journeys_wait": "closed_at",
    "journeys_transition": "occurred_at",
    "journeys_programstatechange": "at",
    "customers_event": "occurred_at",
    "customers_eventinbox": "occurred_at recorded_at",
    "freshness_nextflip": "due_at",
}


def forget() -> None:
    """What processes remember of versions and names that a rollback takes away again."""
    names.forget()
    versions.forget()
    reactions._interest_of.cache_clear()
    flips._timed.cache_clear()


class Scene:
    """The programs and people of a play, made once; plays are rolled back."""

    def __init__(self) -> None:
        for name in ("plan", "tier"):
            AttributeDefinition.objects.create(
                subject="person", name=name, label=name.title(), type="text"
            )
        subscribe(EVENTS, "journeys")
        subscribe([LOGIN], "freshness")
        self.template = make.mail_template().pk
        self.programs = {}
        for name in FLOWS:
            document = self.document(name, 0)
            self.programs[name] = make.program(*document["steps"], **_rest(document)).pk
        self.people = make.ids(make.people(PEOPLE))
        jobs.drain("live", "bulk")

    def document(self, name: str, variant: int) -> dict:
        """A program's flow as it is stored."""
        return dump(parse_flow(FLOWS[name](variant, self.template)))


def _rest(document: dict) -> dict:
    return {key: part for key, part in document.items() if key != "steps"}


class Lockstep:
    """One play. Call `close` at its end."""

    def __init__(self, scene: Scene, batch: int = 1000) -> None:
        forget()
        self.scene, self.batch = scene, batch
        self.savepoint = transaction.savepoint()
        self.patch = pytest.MonkeyPatch()
        for module in (advance, inbox, loop):
            self.patch.setattr(module, "BATCH", batch)
        self.world = plain.World(
            [
                plain.Program(name, pk, [plain.Version(1, deepcopy(scene.document(name, 0)))])
                for name, pk in scene.programs.items()
            ],
            [plain.Person(pk) for pk in scene.people],
        )
        self.ids: list[int] = []  # participant ids by the number of the run
        self.said: list[EventInput] = []

    def close(self) -> None:
        """Take everything back."""
        self.patch.undo()
        transaction.savepoint_rollback(self.savepoint)
        forget()

    # --- choosing -------------------------------------------------------------------------

    def _program(self, number: int) -> plain.Program:
        return self.world.programs[number % len(self.world.programs)]

    def _person(self, number: int) -> plain.Person:
        return self.world.people[number % len(self.world.people)]

    def _run(self, number: int) -> plain.Run | None:
        runs = self.world.runs
        return runs[number % len(runs)] if runs else None

    def outbox_id(self, message: plain.Message) -> int:
        """The stored mail."""
        run, step, visit = message
        return Outbox.objects.get(participant_id=self.ids[run], step_key=step, visit=visit).pk

    # --- people and systems ---------------------------------------------------------------

    def enrol(self, program: int, first: int, second: int, context: int) -> None:
        """One or two people into a program; refused without effect while it stands still."""
        chosen, people = self._program(program), [self._person(first), self._person(second)]
        numbers, where = [person.number for person in people], CONTEXTS[context % len(CONTEXTS)]
        if chosen.state != "active":
            with pytest.raises(Conflict):
                enroll(chosen.id, numbers, actor=None, context_id=where)
            return
        told = self.world.enrol(chosen, people, where)
        result = enroll(chosen.id, numbers, actor=None, context_id=where)
        assert {"entered": result.entered, **result.refused} == {"entered": 0, **told}
        new = Participant.objects.exclude(pk__in=self.ids).order_by("person_id")
        self.ids += list(new.values_list("pk", flat=True))

    def set_plan(self, person: int, value: int) -> None:
        """A value from outside."""
        chosen, plan = self._person(person), PLANS[value % len(PLANS)]
        if chosen.living.erased:
            return
        self.world.set_value(chosen, "plan", plan)
        patch_attributes("person", {chosen.number: {"plan": plan}}, cause={"test": True})

    def login(self, person: int) -> None:
        """A product event."""
        chosen = self._person(person)
        if chosen.living.erased:
            return
        self.world.login(chosen)
        record_events([EventInput(LOGIN, person_id=chosen.number)])

    def mail_event(self, event: int, message: int) -> None:
        """Somebody opens a mail or clicks in it, perhaps again."""
        messages = sorted(self.world.messages)
        if not messages:
            return
        about, name = messages[message % len(messages)], EVENTS[event % len(EVENTS)]
        person = self.world.runs[about[0]].person
        if person.erased:
            return
        self.world.mail_event(name, about)
        self.said.append(
            EventInput(
                name, person_id=person.number, ref=self.outbox_id(about),
                message_id=f"said:{len(self.said)}",
            )
        )  # fmt: skip
        record_events(self.said[-1:])

    def say_again(self, number: int) -> None:
        """The same event with the same message id: taken once."""
        if self.said:
            again = self.said[number % len(self.said)]
            assert [result.status for result in record_events([again])] == ["duplicate"]

    def merge(self, winner: int, loser: int) -> None:
        """Two people turn out to be one."""
        one, other = self._person(winner), self._person(loser)
        if one is other or any(p.merged_into or p.erased for p in (one, other)):
            return
        self.world.merge(one, other)
        assert merge_people(one.number, other.number, actor=None)

    def erase(self, person: int) -> None:
        """Somebody is erased; twice is once."""
        chosen = self._person(person)
        if chosen.merged_into is None:
            told = not chosen.erased
            if told:
                self.world.erase(chosen)
            assert erase_person(chosen.number, actor=None) is told

    # --- staff ----------------------------------------------------------------------------

    def publish(self, program: int, variant: int, moves: int) -> None:
        """The next version, unless it is the same or the program stands still; what becomes of
        those inside: stay, stay, at the same step, at the first one, end."""
        chosen = self._program(program)
        if chosen.state != "active":
            with pytest.raises(Conflict):
                publish_program(chosen.id, actor=None)
            return
        document = self.scene.document(chosen.name, variant % VARIANTS)
        revision = Program.objects.get(pk=chosen.id).draft_revision
        save_draft(chosen.id, document, revision=revision, actor=None)
        keys = list(chosen.published.steps)
        kept = plain.Version(0, document)
        targets = ({}, {}, {k: k for k in keys if k in kept.steps},
                   dict.fromkeys(keys, kept.first), dict.fromkeys(keys))[moves % 5]  # fmt: skip
        if self.world.publish(chosen, document, targets):
            choices = {k: {"do": "move", "to": to} if to else {"do": "end"}
                       for k, to in targets.items()}  # fmt: skip
            publish_program(chosen.id, actor=None, moves=choices)
            while relocate_chunk():
                pass
        else:
            with pytest.raises(Conflict):
                publish_program(chosen.id, actor=None)

    def amend(self, program: int, choice: int) -> None:
        """Other conditions for a wait of the published version."""
        chosen = self._program(program)
        conditions, logic = AMENDED[chosen.name][choice % len(AMENDED[chosen.name])]
        config = wait(conditions, logic, chosen.published.steps["cw"]["config"]["amount"])
        if chosen.state != "stopped" and self.world.amend(chosen, "cw", config):
            amend_step(chosen.id, "cw", config, actor=None)
        else:
            with pytest.raises(Conflict):
                amend_step(chosen.id, "cw", config, actor=None)

    def pause(self, program: int) -> None:
        """A program stands still."""
        chosen = self._program(program)
        if chosen.state == "active":
            self.world.pause(chosen)
            pause_program(chosen.id, actor=None)

    def resume(self, program: int) -> None:
        """It goes on."""
        chosen = self._program(program)
        if chosen.state == "paused":
            self.world.resume(chosen)
            resume_program(chosen.id, actor=None)

    def stop(self, program: int) -> None:
        """For good."""
        chosen = self._program(program)
        if chosen.state != "stopped":
            self.world.stop(chosen)
            stop_program(chosen.id, actor=None)

    def remove(self, run: int) -> None:
        """Somebody is taken out by hand."""
        chosen = self._run(run)
        if chosen:
            inside = chosen.open
            self.world.remove(chosen)
            assert remove_participants([self.ids[chosen.number]], actor=None) == inside

    def retry(self, run: int) -> None:
        """One that failed tries again."""
        failed = [r for r in self.world.runs if r.state == "failed"]
        if failed:
            chosen = failed[run % len(failed)]
            told = self.world.retry(chosen)
            assert retry_participants([self.ids[chosen.number]], actor=None) == told

    # --- workers and the clock ------------------------------------------------------------

    def pass_time(self, hours: int) -> None:
        """The clock goes on: what is stored moves into the past instead."""
        self.world.pass_time(hours)
        for table, columns in MOMENTS.items():
            sets = ", ".join(f"{name} = {name} - %(span)s" for name in columns.split())
            sql.run(f"UPDATE {table} SET {sets}", {"span": timedelta(hours=hours)})

    def drain(self) -> None:
        """Workers run until nothing is left."""
        self.world.drain()
        jobs.drain("live", "bulk", rounds=2000)

    def advance(self) -> None:
        """One worker takes what is due in hand, once: armed waits are not yet looked at."""
        if self._whole():
            assert advance.advance_due(0) == len(self.world.due())
            self.world.advance()
            self._settle()

    def take_inbox(self) -> None:
        """One worker takes what is in the inbox."""
        if self._whole():
            inbox.run_batch()
            self.world.take_inbox()
            self._settle()

    def take_touches(self) -> None:
        """One worker takes what has changed."""
        if self._whole():
            loop.run_batch()
            self.world.take_touches()
            self._settle()

    def _whole(self) -> bool:
        """Whether one batch takes all there is; else who is taken first is nobody's promise."""
        if self.batch < 1000:
            self.drain()
        return self.batch >= 1000

    def _settle(self) -> None:
        if self.world.unsettled:
            self.drain()

    def kill(self, first: int, count: int, deaths: int) -> None:
        """A worker dies with a batch in hand, having changed nothing; another takes over."""
        due = self.world.due()
        if not due:
            return
        first %= len(due)
        taken = due[first : first + 1 + count % 3]
        before = deaths % 3 if len(taken) == 1 else 0
        ids = [self.ids[run.number] for run in taken]
        sql.run(
            "INSERT INTO journeys_batch (worker, participants, deaths, started_at)"
            " VALUES (%s, %s, %s, clock_timestamp())",
            [DEAD_WORKER, ids, before],
        )
        assert advance.recover() == 1
        self.world.deaths(taken, before)
        self._settle()

    def break_off(self) -> None:
        """The database goes away when all is decided and half of it is written: nothing stays."""
        if not self.world.due():
            return

        def gone(*_: object) -> None:
            raise OperationalError("the connection is lost")

        with self.patch.context() as patched:
            patched.setattr(store, "_write_waits", gone)
            with pytest.raises(OperationalError):
                advance.advance_due(0)
