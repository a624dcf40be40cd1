"""A flow as the nested cards that the templates draw: editor, snapshot and versions share it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from journeys.fields.definition import label_of
from journeys.flow.checks import StepMark
from journeys.flow.document import Flow, FlowStep
from journeys.flow.words import ExitWords, FlowWords, StepWords

# Parts of the document that the panel of goal and exits holds.
AIM_PATHS = ("/goal", "/exits", "/leaving", "/control")


@dataclass(frozen=True)
class Count:
    """A figure on a card; `url` leads to who is behind it."""

    label: str
    number: int
    url: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Branch:
    """One path of a branching step, with what its lines look like.

    Attributes:
        joins: whether it goes on below; a path that ends with Exit does not.
        top_in, top_out, low_in, low_out: pieces of the opening and the rejoining line that run
            through this path, to its left and to its right.
    """

    words: ExitWords
    cards: "Column"
    joins: bool
    top_out: bool
    low_in: bool
    low_out: bool
    count: Count | None = None


@dataclass(frozen=True)
class Card:
    """One step."""

    key: str
    kind: str
    words: StepWords
    position: int
    marks: tuple[StepMark, ...] = ()
    counts: tuple[Count, ...] = ()
    branches: tuple[Branch, ...] = ()
    ends: bool = False

    @property
    def level(self) -> str:
        """Worst mark: "error", "warning" or ""."""
        levels = {mark.level for mark in self.marks}
        return "error" if "error" in levels else "warning" if levels else ""

    @property
    def inside(self) -> int:
        """How many steps stand in its branches."""
        return sum(1 + card.inside for branch in self.branches for card in branch.cards.cards)


@dataclass(frozen=True)
class Column:
    """Steps one below the other.

    Attributes:
        parent, exit: the branch that owns it, "" at the top.
        ends: nobody comes out at its lower end.
    """

    parent: str
    exit: str
    cards: tuple[Card, ...]
    ends: bool

    @property
    def size(self) -> int:
        """Index of its last spot."""
        return len(self.cards)


@dataclass(frozen=True)
class EntryCard:
    """The first card: how one gets in, and what one is to reach."""

    title: str
    sentence: str
    goal: str
    exit_rules: tuple[str, ...]
    leaving: tuple[str, ...] = ()
    marks: tuple[StepMark, ...] = ()
    counts: tuple[Count, ...] = ()
    aim_marks: tuple[StepMark, ...] = ()
    aim_counts: tuple[Count, ...] = ()
    fields: tuple[str, ...] = ()
    field_marks: tuple[StepMark, ...] = ()


@dataclass(frozen=True)
class Tree:
    """A whole flow for the templates.

    Attributes:
        loose: marks that belong to no card, shown below the entry.
    """

    entry: EntryCard
    top: Column
    marks: tuple[StepMark, ...] = ()
    loose: tuple[StepMark, ...] = ()


@dataclass(frozen=True)
class Figures:
    """Counts to write onto the cards.

    Attributes:
        steps: step key -> figures; exits: (step key, exit) -> figure.
    """

    entry: tuple[Count, ...] = ()
    goal: tuple[Count, ...] = ()
    steps: Mapping[str, tuple[Count, ...]] = field(default_factory=dict)
    exits: Mapping[tuple[str, str], Count] = field(default_factory=dict)


def build_tree(
    flow: Flow, words: FlowWords, marks: Sequence[StepMark] = (), figures: Figures | None = None
) -> Tree:
    """Nested cards of a flow."""
    by_step: dict[str, list[StepMark]] = {}
    for mark in marks:
        by_step.setdefault(mark.step_key, []).append(mark)
    whole = by_step.pop("", [])
    counts = figures or Figures()
    aims = tuple(m for m in whole if m.path.startswith(AIM_PATHS))
    entry = EntryCard(
        title=words.title,
        sentence=words.entry,
        goal=words.goal,
        exit_rules=words.exit_rules,
        leaving=words.leaving,
        marks=tuple(m for m in whole if m.path.startswith("/entry")),
        counts=counts.entry,
        aim_marks=aims,
        aim_counts=counts.goal,
        fields=tuple(label_of(item) for item in flow.fields),
        field_marks=tuple(m for m in whole if m.path.startswith("/fields")),
    )
    top = _sequence(flow.steps, "", "", words, by_step, counts)
    shown = {*entry.marks, *aims, *entry.field_marks}
    loose = tuple(m for m in whole if m not in shown)
    return Tree(entry, top, tuple(marks), loose)


def _sequence(
    steps: Sequence[FlowStep],
    parent: str,
    exit_key: str,
    words: FlowWords,
    marks: Mapping[str, list[StepMark]],
    figures: Figures,
) -> Column:
    cards = tuple(_card(step, i, words, marks, figures) for i, step in enumerate(steps))
    return Column(parent, exit_key, cards, bool(cards) and cards[-1].ends)


def _card(
    step: FlowStep,
    position: int,
    words: FlowWords,
    marks: Mapping[str, list[StepMark]],
    figures: Figures,
) -> Card:
    own = words.steps[step.key]
    inner = [
        (item, _sequence(step.exits[item.key], step.key, item.key, words, marks, figures))
        for item in own.exits
    ]
    branches = _branches(step.key, inner, figures)
    return Card(
        key=step.key,
        kind=step.kind,
        words=own,
        position=position,
        marks=tuple(marks.get(step.key, ())),
        counts=figures.steps.get(step.key, ()),
        branches=branches,
        ends=own.ends or (bool(branches) and not any(b.joins for b in branches)),
    )


def _branches(
    key: str, inner: list[tuple[ExitWords, Column]], figures: Figures
) -> tuple[Branch, ...]:
    joining = [index for index, (_, sequence) in enumerate(inner) if not sequence.ends]
    last = max(joining, default=-1)
    return tuple(
        Branch(
            words=words,
            cards=sequence,
            joins=not sequence.ends,
            top_out=index + 1 < len(inner),
            low_in=0 < index <= last,
            low_out=index < last,
            count=figures.exits.get((key, words.key)),
        )
        for index, (words, sequence) in enumerate(inner)
    )
