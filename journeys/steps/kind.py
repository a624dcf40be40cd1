"""The contract of a step kind."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, TypeVar

from csplatform.kit.schema import Config
from csplatform.rules.kind import Known
from csplatform.rules.tree import Node
from journeys.steps.outcome import Addressed, Outcome

R = TypeVar("R")


@dataclass(frozen=True)
class Exit:
    """A way out of a branching step. tone: "good", "bad" or ""."""

    key: str
    label: str
    tone: str = ""


@dataclass(frozen=True)
class EventOffer:
    """Something that a conditional wait below this step can wait for.

    Attributes:
        key: stable word in conditions, e.g. "opened".
        event: name of the event that makes it true, e.g. "email.opened".
        positive: False for "did not ...": only the limit can judge it.
    """

    key: str
    label: str
    event: str
    positive: bool = True


@dataclass(slots=True)
class Traveller:
    """One claimed participant, as far as step kinds may see it."""

    id: int
    program_id: int
    version_id: int
    person_id: int | None
    company_id: int | None
    at_company_id: int | None
    visit: int
    refs: dict[str, int]
    step_since: datetime
    phase: str
    limit_at: datetime | None
    context_id: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    # whom steps of this pass addressed, by step key; what was written before is in the database
    parts: dict[str, tuple[Addressed, ...]] = field(default_factory=dict)

    @property
    def subject_id(self) -> int:
        """The person's or company's id."""
        found = self.person_id if self.person_id is not None else self.company_id
        assert found is not None  # held by a check constraint
        return found


@dataclass(frozen=True)
class StepView:
    """A step of a published version with its parsed config."""

    id: int
    key: str
    kind: "StepKind"
    name: str
    config: Any
    program_id: int
    version_id: int
    amendment: int = 0


@dataclass(frozen=True)
class StepBatch:
    """A group of participants at one step.

    Attributes:
        subject: "person" or "company": who travels the program.
        now: the pass's time, from the database.
        steps: all steps of the version by key (a wait looks up what came before it).
    """

    step: StepView
    subject: str
    travellers: Sequence[Traveller]
    now: datetime
    steps: Mapping[str, StepView]

    def subject_ids(self) -> list[int]:
        """Ids of the subjects, ascending, each once."""
        return sorted({t.subject_id for t in self.travellers})


@dataclass(frozen=True)
class Requirement:
    """What a subject must have before it may enter a program with such a step (PRG-24).

    Attributes:
        reason: stable word of the refusal, e.g. "no_email".
        sentence: why it was refused, for the screen.
        condition: SQL truth over the subject's row, alias `s`; code-owned, no parameters.
        subject: whose row it is about.
    """

    reason: str
    sentence: str
    condition: str
    subject: str = "person"


@dataclass(frozen=True)
class Mark:
    """Something to say about a step's config. level: "error" blocks publishing, "warning" not."""

    path: str
    message: str
    level: str = "error"
    code: str = "invalid"


@dataclass(frozen=True)
class CheckContext:
    """What a check may look at.

    Attributes:
        subject: who travels.
        before: (key, name, kind, parsed config or None) of the steps passed on the way, nearest
            first.
        known: what rules and settings name, looked up once for the whole flow.
        references: everything that the steps of the whole flow point at.
        fields: keys of the flow's calculated fields.
    """

    subject: str
    program_id: int
    before: tuple[tuple[str, str, "StepKind", Any], ...] = field(default=())
    known: Known = field(default_factory=Known)
    references: frozenset[tuple[str, int | str]] = frozenset()
    fields: tuple[str, ...] = ()

    def referred(
        self, kind: str, key: int | str, load: Callable[[Iterable[int | str]], Mapping[Any, R]]
    ) -> R | None:
        """What a reference leads to, None when it is gone.

        `load` is asked once per kind of reference, for all ids in the flow: a flow of a hundred
        mails is checked with as many queries as one of two.
        """
        wanted = {found for other, found in self.references if other == kind} | {key}
        rows: Mapping[Any, R] = self.known.lookup(
            f"reference.{kind}.{sorted(map(str, wanted))}", lambda: load(wanted)
        )
        return rows.get(key)


class StepKind:
    """One kind of step: one file below `kinds`, one instance in the registry.

    A kind gets a whole group and never saves a participant, sleeps or calls the network: it
    returns values, or writes rows of its own set-based inside the engine's transaction.
    """

    key: ClassVar[str]
    label: ClassVar[str]
    sentence: ClassVar[str]  # for the palette: what it does, one sentence
    icon: ClassVar[str]  # a Material Symbols name
    group: ClassVar[str]  # "Messages", "Waits", "Decisions", "Data", "People"
    subjects: ClassVar[tuple[str, ...]] = ("person", "company")
    # Fields that hold an id say of what: json_schema_extra={"reference": "email_template"}, a kind
    # of document (csplatform.ascode); so copies in files carry names instead.
    Config: ClassVar[type[Config]]
    ends: ClassVar[bool] = False  # nobody gets past it
    writes_subjects: ClassVar[bool] = False  # the engine locks the subjects first
    ends_others: ClassVar[bool] = False  # may end runs of other programs, in hand or not
    addresses_people: ClassVar[bool] = False  # in company programs: its events are people's
    requirements: ClassVar[tuple[Requirement, ...]] = ()
    amending: ClassVar[str] = ""  # what a change in place means for those who are inside
    example: ClassVar[dict[str, Any]] = {}  # a valid config, for docs and the contract suite

    def exits(self, config: Any) -> tuple[Exit, ...]:
        """The exits of a branching step; () for steps that simply go on."""
        return ()

    def requires(self, config: Any) -> tuple[Requirement, ...]:
        """What a subject must have to enter a program with this step: `requirements`, and more."""
        return self.requirements

    def words(self, config: Any, names: Mapping[str, str]) -> str:
        """The step in one plain sentence. `names`: step key to step name."""
        raise NotImplementedError

    def references(self, config: Any) -> set[tuple[str, int | str]]:
        """What it points at: ("email_template", 7), ("segment", 3), ("engagement", 5)."""
        return set()

    def offers(self, config: Any) -> tuple[EventOffer, ...]:
        """Events that a conditional wait below can wait for."""
        return ()

    def waits_on(self, config: Any, subject: str) -> list[Node]:
        """Rules whose change of answer must wake participants waiting here."""
        return []

    def listens_to(self, config: Any, steps: Mapping[str, StepView]) -> set[str]:
        """Event names that its waits need subscribed, before the first participant arrives."""
        return set()

    def writes_company(self, config: Any) -> bool:
        """Whether a person's step writes the company that the person travels for: then that is
        locked first, too."""
        return False

    def enters(self, config: Any) -> set[int]:
        """Programs that it lets people into: those are locked first, against being stopped."""
        return set()

    def check(self, config: Any, context: CheckContext) -> list[Mark]:
        """What is wrong beyond the config's own schema: dangling references and the like."""
        return []

    def depends_on(self, config: Any) -> set[str]:
        """Keys of earlier steps that its settings ask about."""
        return set()

    def may_amend(self, old: Any, new: Any) -> list[Mark]:
        """What speaks against putting another config in force without a new version."""
        return [Mark("", "This step changes only with a new version.", code="version")]

    def on_publish(self, step: StepView) -> list[Mark]:
        """Associate what the step uses, in the publishing transaction; errors undo it all."""
        return []

    def on_disconnect(self, step: StepView, now: datetime) -> None:
        """The version ended (program stopped, step's reference swapped): take it back."""

    def run(self, batch: StepBatch) -> dict[int, Outcome]:
        """Decide for every traveller that arrived here; keyed by participant id."""
        raise NotImplementedError

    def resume(self, batch: StepBatch) -> dict[int, Outcome]:
        """Decide for travellers whose wait here is to be looked at: an event came, a fact
        changed, the time is up, or the wait was just armed. Only waiting kinds need it."""
        raise NotImplementedError
