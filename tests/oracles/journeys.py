"""The journey engine told plainly: one participant after the other, plain values, whole hours.

Knows flow documents, and nothing of the engine that it is held against. A run is *looked at* when
it is due, when an event that it waits for is taken from the inbox, or when a fact that its wait
reads has changed; whoever looks judges by all that has happened until then.
"""

import hashlib
from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

OFFERS = {
    "opened": ("email.opened", True),
    "not_opened": ("email.opened", False),
    "clicked": ("email.clicked", True),
    "not_clicked": ("email.clicked", False),
}
EVERYTHING = "everything"
# (number of the run, key of the step, visit): a mail, and what waits for it are about it
Message = tuple[int, str, int]
Log = tuple[str, str | None, str | None, str, int, str]


@dataclass(eq=False)
class Person:
    """What is known about somebody."""

    number: int
    values: dict[str, str] = field(default_factory=dict)
    logins: int = 0
    merged_into: "Person | None" = None
    erased: bool = False

    @property
    def living(self) -> "Person":
        """Whoever stands for this person now."""
        return self.merged_into or self


@dataclass(eq=False)
class Version:
    """One published flow: its steps by key, and where each exit leads."""

    number: int
    document: dict[str, Any]
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)
    follows: dict[tuple[str, str], str | None] = field(default_factory=dict)
    amendment: int = 0

    def __post_init__(self) -> None:
        self._link(self.document["steps"], None)

    def _link(self, sequence: list[dict[str, Any]], after: str | None) -> None:
        """A branch rejoins behind the step that owns it."""
        for place, step in enumerate(sequence):
            behind = sequence[place + 1]["key"] if place + 1 < len(sequence) else after
            self.steps[step["key"]] = step
            self.follows[step["key"], "done"] = behind
            for name, branch in step.get("exits", {}).items():
                self.follows[step["key"], name] = branch[0]["key"] if branch else behind
                self._link(branch, behind)

    @property
    def first(self) -> str:
        """Where newcomers begin."""
        return self.document["steps"][0]["key"]


@dataclass(eq=False)
class Program:
    """A program: who may come again, its versions, its state."""

    name: str
    id: int
    versions: list[Version]
    state: str = "active"
    paused: int = 0

    @property
    def published(self) -> Version:
        """What newcomers travel."""
        return self.versions[-1]


@dataclass(eq=False)
class Run:
    """One run of one person."""

    number: int
    program: Program
    version: Version
    person: Person
    context: str
    step: str | None
    due: int | None
    entered: int
    since: int
    state: str = "active"
    phase: str = "run"
    limit: int | None = None
    remaining: int | None = None
    stood: int = 0
    visit: int = 0
    reason: str = ""
    goal: bool = False
    refs: dict[str, Message] = field(default_factory=dict)
    listens: set[tuple[str, Message]] = field(default_factory=set)
    missed: list[tuple[str, Message, str, int]] = field(default_factory=list)
    log: list[Log] = field(default_factory=list)

    @property
    def open(self) -> bool:
        """Whether it has not ended."""
        return self.state in ("active", "paused")

    def note(self, kind: str, to: str | None = None, exit_key: str = "", more: str = "") -> None:
        """One line of its history."""
        self.log.append((kind, self.step, to, exit_key, self.visit, more))

    def end(self, state: str, reason: str, kind: str = "leave") -> None:
        """It is over."""
        self.note(kind)
        self.state, self.reason, self.due, self.remaining = state, reason, None, None
        self.listens = set()


class World:
    """All programs, people and runs, and what nobody has looked at yet."""

    def __init__(self, programs: Iterable[Program], people: Iterable[Person]) -> None:
        self.now = 0
        self.programs, self.people = list(programs), list(people)
        self.runs: list[Run] = []
        self.messages: set[Message] = set()
        self.happened: set[tuple[str, Message]] = set()
        self.inbox: list[tuple[str, Message]] = []
        self.touches: set[tuple[Person, str]] = set()
        # A pass changed a fact that others in the same pass may or may not have seen yet.
        self.unsettled = False

    # --- what people and systems do -------------------------------------------------------

    def enrol(self, program: Program, people: list[Person], context: str) -> dict[str, int]:
        """Reason to number of people; "entered" for those who got in."""
        found: dict[str, int] = {}
        for person in sorted(set_of(people), key=lambda p: p.number):
            reason = self._refusal(program, person, context) or "entered"
            found[reason] = found.get(reason, 0) + 1
            if reason == "entered":
                self._enter(program, person, context)
        return found

    def _refusal(self, program: Program, person: Person, context: str) -> str:
        if person.merged_into or person.erased:
            return "gone"
        earlier = [
            run for run in self.runs
            if (run.program, run.person, run.context) == (program, person, context)
        ]  # fmt: skip
        if any(run.open for run in earlier):
            return "already_in"
        again = program.published.document["entry"].get("re_enrolment", "never")
        return "duplicate" if earlier and again == "never" else ""

    def _enter(self, program: Program, person: Person, context: str) -> None:
        version = program.published
        run = Run(
            len(self.runs), program, version, person, context, version.first, self.now, self.now,
            self.now,
        )  # fmt: skip
        run.log.append(("enter", None, version.first, "", 0, ""))
        self.runs.append(run)

    def set_value(self, person: Person, name: str, value: str | None) -> None:
        """A value from outside; None unsets."""
        person = person.living
        if person.values.get(name) == value:
            return
        person.values.pop(name, None)
        if value is not None:
            person.values[name] = value
        self.touches.add((person, name))

    def login(self, person: Person) -> None:
        """The product event that rules count."""
        person.living.logins += 1
        self.touches.add((person.living, "login"))

    def mail_event(self, name: str, message: Message) -> None:
        """Somebody opens a mail or clicks in it."""
        self.happened.add((name, message))
        self.inbox.append((name, message))

    def merge(self, winner: Person, loser: Person) -> None:
        """Two people are one: of two open runs for the same thing the older one stays."""
        both = sorted(
            (run for run in self.runs if run.open and run.person in (winner, loser)),
            key=lambda run: (run.entered, run.number),
        )
        seen = set()
        for run in both:
            place = (run.program.name, run.context)
            if place in seen:
                run.end("removed", "merged")
            seen.add(place)
        for run in self.runs:
            if run.person is loser:
                run.person = winner
        for person in self.people:
            if person is loser or person.merged_into is loser:
                person.merged_into = winner
        winner.values = {**loser.values, **winner.values}
        winner.logins += loser.logins
        self.touches |= {(winner, EVERYTHING), (loser, EVERYTHING)}

    def erase(self, person: Person) -> None:
        """Nothing personal stays, and nothing goes on."""
        for run in self.runs:
            if run.person is person:
                if run.open:
                    run.end("removed", "erased")
                run.missed = []
        person.values, person.erased = {}, True
        self.touches.add((person, EVERYTHING))

    # --- what staff do with programs ------------------------------------------------------

    def publish(
        self, program: Program, document: dict[str, Any], moves: dict[str, str | None]
    ) -> bool:
        """The next version, for newcomers and for those at the steps of `moves`: the step that
        they go on with, or None to end. False: it is what is published already."""
        if program.published.document == document:
            return False
        program.versions.append(Version(len(program.versions) + 1, deepcopy(document)))
        for run in self._inside(program):
            # whose time has come goes on by the version that was waited for
            until = run.limit if run.limit is not None else run.due
            ahead = run.phase == "run" or (until is not None and until > self.now)
            if run.step in moves and ahead:
                self._relocate(run, program.published, moves[run.step])
        return True

    def _relocate(self, run: Run, version: Version, to: str | None) -> None:
        """At the same step a wait counts from when they came to it, lengthened by pauses."""
        if to is None:
            run.end("removed", f"Ended by version {version.number}")
            return
        same = to == run.step
        run.version, run.visit = version, run.visit + 1
        run.note("move", to, "" if same else "moved")
        run.since, run.stood = (run.since + run.stood if same else self.now), 0
        run.step, run.phase, run.limit, run.due = to, "run", None, self.now
        run.listens = set()

    def amend(self, program: Program, key: str, config: dict[str, Any]) -> bool:
        """Another config for a step of the published version; who waits there is looked at."""
        version = program.published
        if version.steps[key]["config"] == config:
            return False
        version.steps[key]["config"] = deepcopy(config)
        version.amendment += 1
        for run in self.runs:
            if (run.version, run.step, run.state) == (version, key, "active") and waits(run):
                run.phase, run.due = "arming", self.now
        return True

    def pause(self, program: Program) -> None:
        """Waits stand still; who is on the way goes on to the next one."""
        program.state, program.paused = "paused", self.now
        for run in self._inside(program):
            if run.state == "active" and waits(run):
                self._freeze(run)

    def _freeze(self, run: Run) -> None:
        until = run.limit if run.limit is not None else run.due
        assert until is not None
        run.remaining = max(until - self.now, 0)
        run.state, run.due = "paused", None

    def resume(self, program: Program) -> None:
        """What was left of a span is what is left; who listens looks at history first."""
        program.state = "active"
        for run in self._inside(program):
            run.stood += self.now - max(program.paused, run.since)
            if run.state != "paused":
                continue
            assert run.remaining is not None
            until = self.now + run.remaining
            run.state, run.remaining, run.due = "active", None, until
            if run.limit is not None:
                run.phase, run.limit, run.due = "arming", until, self.now
            if rules_of(run.version):
                self.touches.add((run.person, f"resumed {program.name}"))

    def stop(self, program: Program) -> None:
        """Final."""
        program.state = "stopped"
        for run in self._inside(program):
            run.end("removed", "Program stopped")

    def remove(self, run: Run) -> None:
        """Taken out by hand."""
        if run.open:
            run.end("removed", "Removed by hand")

    def retry(self, run: Run) -> bool:
        """A failed run does its step once more, unless its person runs again already."""
        taken = any(
            (o.program, o.person, o.context) == (run.program, run.person, run.context) and o.open
            for o in self.runs
        )
        if run.state != "failed" or taken or run.program.state != "active" or run.person.erased:
            return False
        run.state, run.reason, run.phase, run.due = "active", "", "run", self.now
        run.visit += 1
        run.since, run.stood = self.now, 0
        run.note("retry")
        return True

    def _inside(self, program: Program) -> Iterator[Run]:
        return (run for run in self.runs if run.program is program and run.open)

    # --- what workers do ------------------------------------------------------------------

    def pass_time(self, hours: int) -> None:
        """The clock goes on."""
        self.now += hours

    def due(self) -> list[Run]:
        """Whom a worker would take in hand."""
        return [
            run for run in self.runs
            if run.state == "active" and run.due is not None and run.due <= self.now
        ]  # fmt: skip

    def advance(self, runs: Iterable[Run] | None = None) -> bool:
        """Look once at those of `runs` (at all) who are due; whether there were any."""
        chosen = self.due() if runs is None else [run for run in self.due() if run in list(runs)]
        for run in chosen:
            self.look(run)
        return bool(chosen)

    def deaths(self, runs: list[Run], before: int) -> None:
        """A worker died with these in hand. Three deaths of one that is alone are its fault."""
        if len(runs) == 1 and before + 1 >= 3:
            if runs[0].state == "active":
                reason = f"Its worker died {before + 1} times while it was being advanced."
                runs[0].end("failed", reason, "fail")
        else:
            self.advance(runs)

    def take_inbox(self) -> bool:
        """Look at whoever waits for what came in; say to whom it came too late."""
        events, self.inbox = self.inbox, []
        for run in self.runs:
            if run.state == "active" and run.listens & set(events):
                self.look(run)
        for run in self.runs:
            for lost in list(run.missed):
                name, message, step, visit = lost
                if (name, message) in events:
                    run.missed.remove(lost)
                    run.log.append(("late", step, None, "", visit, name))
        return bool(events)

    def take_touches(self) -> bool:
        """Facts changed: waits that read them look again, goals and exit rules act at once."""
        touches, self.touches = self.touches, set()
        for run in self.runs:
            keys = {key for person, key in touches if person is run.person}
            if run.state != "active" or run.program.state != "active" or not keys:
                continue
            if waits(run) and concerned(wait_rules(run), keys):
                if writes_people(run.version):
                    run.phase, run.due = "arming", self.now
                else:  # a few are decided at once
                    self.look(run)
            if not run.open:
                continue
            if concerned(rules_of(run.version), keys) or f"resumed {run.program.name}" in keys:
                self.check_rules(run)
        return bool(touches)

    def drain(self) -> None:
        """Until nothing is left to do."""
        while self.take_touches() or self.take_inbox() or self.advance():
            pass
        self.unsettled = False

    # --- one look at one run --------------------------------------------------------------

    def look(self, run: Run) -> None:
        """Goals and exit rules, then its wait, then as far as it goes."""
        self.check_rules(run)
        if run.open and waits(run):
            self._judge(run)
        while run.open and run.phase == "run":
            self._do(run)

    def check_rules(self, run: Run) -> None:
        """Exit rules before the goal."""
        document = run.version.document
        for rule in document.get("exits", []):
            if self.holds(rule["rule"], run.person):
                run.end("unenrolled", rule["name"])
                return
        goal = document.get("goal")
        if goal and not run.goal and self.holds(goal, run.person):
            run.goal = True
            run.note("goal", run.step, "", f"a{run.version.amendment}")
            if document.get("goal_exits", True):
                run.end("completed", "goal")

    def holds(self, rule: dict[str, Any], person: Person) -> bool:
        """The few tests that the programs of this oracle use."""
        if "not" in rule:
            return not self.holds(rule["not"], person)
        if rule["test"] == "event":
            return person.logins >= rule["count"]
        return person.values.get(rule["name"]) == rule["value"]

    def _judge(self, run: Run) -> None:
        """Met, not met at the limit, or go on waiting."""
        assert run.step is not None
        step = run.version.steps[run.step]
        if step["kind"] == "wait_timer":
            self._go(run, "done")
            return
        assert run.limit is not None
        at_limit = run.limit <= self.now
        if self._met(run, step["config"], False):
            self._go(run, "met")
        elif at_limit:
            met = self._met(run, step["config"], True)
            run.missed += [
                (name, message, run.step, run.visit)
                for name, message in sorted(run.listens - self.happened)
            ]
            self._go(run, "met" if met else "not_met")
        else:
            run.phase, run.due = "waiting", run.limit

    def _met(self, run: Run, config: dict[str, Any], at_limit: bool) -> bool:
        """A "did not" is true only when the time for doing it is over."""
        answers = []
        for condition in config["conditions"]:
            if condition["type"] == "rule":
                answers.append(self.holds(condition["rule"], run.person))
                continue
            name, positive = OFFERS[condition["event"]]
            done = (name, run.refs.get(condition["step"])) in self.happened
            answers.append(done if positive else at_limit and not done)
        return any(answers) if config["logic"] == "any" else all(answers)

    def _go(self, run: Run, exit_key: str) -> None:
        assert run.step is not None
        target = run.version.follows[run.step, exit_key]
        run.note("go", target, exit_key, f"a{run.version.amendment}")
        run.step, run.phase, run.limit, run.due = target, "run", None, self.now
        run.listens, run.since, run.stood = set(), self.now, 0
        if target is None:
            run.end("completed", "end")

    def _do(self, run: Run) -> None:
        """A step that somebody has just arrived at."""
        assert run.step is not None
        step = run.version.steps[run.step]
        config = step["config"]
        match step["kind"]:
            case "send_email":
                message = (run.number, run.step, run.visit)
                self.messages.add(message)
                run.refs[run.step] = message
                self._go(run, "done")
            case "wait_timer":
                self._wait(run, run.since + config["amount"], None)
            case "conditional_wait":
                limit = run.since + config["amount"] * (24 if config["unit"] == "days" else 1)
                run.listens = {
                    (OFFERS[c["event"]][0], run.refs[c["step"]])
                    for c in config["conditions"]
                    if c["type"] == "event" and OFFERS[c["event"]][1]
                }
                self._wait(run, self.now, limit)
            case "if_else":
                paths = [p["key"] for p in config["paths"] if self.holds(p["rule"], run.person)]
                self._go(run, [*paths, "else"][0])
            case "split":
                self._go(run, group_of(config["groups"], run))
            case "set_attribute":
                self._set_attribute(run, config["attribute"], config["value"])
            case "exit":
                run.end("completed", config["reason"])
            case unknown:
                raise NotImplementedError(unknown)

    def _set_attribute(self, run: Run, name: str, value: str) -> None:
        if run.person.values.get(name) != value:
            run.person.values[name] = value
            self.touches.add((run.person, name))
            self.unsettled = True
        self._go(run, "done")

    def _wait(self, run: Run, due: int, limit: int | None) -> None:
        """A wait with a limit is armed: looked at once more before it listens."""
        run.note("wait", None, "", f"a{run.version.amendment}")
        run.phase = "waiting" if limit is None else "arming"
        run.due, run.limit = due, limit
        if run.program.state == "paused":
            self._freeze(run)


# --- readings -----------------------------------------------------------------------------


def set_of(people: list[Person]) -> list[Person]:
    """Each one once."""
    return list({person.number: person for person in people}.values())


def writes_people(version: Version) -> bool:
    """Whether any step changes whom it is about."""
    return any(step["kind"] == "set_attribute" for step in version.steps.values())


def waits(run: Run) -> bool:
    """Whether it stands at a wait, and not before a step to be done."""
    return run.phase in ("arming", "waiting")


def wait_rules(run: Run) -> list[dict[str, Any]]:
    """The rules that its wait asks."""
    conditions = run.version.steps[run.step or ""]["config"].get("conditions", [])
    return [c["rule"] for c in conditions if c["type"] == "rule"]


def rules_of(version: Version) -> list[dict[str, Any]]:
    """Goal and exit rules."""
    goal = version.document.get("goal")
    return [rule["rule"] for rule in version.document.get("exits", [])] + ([goal] if goal else [])


def concerned(rules: list[dict[str, Any]], keys: set[str]) -> bool:
    """Whether any rule reads what was touched."""
    read = {read_by(rule) for rule in rules}
    return bool(read & keys) or bool(read and EVERYTHING in keys)


def read_by(rule: dict[str, Any]) -> str:
    """The one fact that a rule reads."""
    return read_by(rule["not"]) if "not" in rule else rule["name"]


def group_of(groups: list[dict[str, Any]], run: Run) -> str:
    """By hash of program, step and person: the same for ever."""
    text = f"{run.program.id}:{run.step}:{run.person.number}"
    place = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) / 2**64 * 100
    for group in groups:
        place -= group["percent"]
        if place < 0:
            return group["key"]
    raise AssertionError("the groups make up a hundred")
