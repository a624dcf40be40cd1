"""The test of how much a product, module or feature is used."""

from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from csplatform.kit.errors import Problem
from csplatform.kit.schema import Config
from csplatform.rules.configs import FirstDays, LastDays, Name, Since, Times, Until
from csplatform.rules.counting import Limits, count, counted, happened_words
from csplatform.rules.facts import Facts, Needs
from csplatform.rules.flips import Whom
from csplatform.rules.happenings import Selection
from csplatform.rules.kind import Example, FactKey, Known, RuleKind
from csplatform.rules.scope import Scope
from csplatform.rules.sqltext import Sql, negated
from csplatform.rules.tree import Test
from csplatform.usage.tree import Branch, branches

COUNTED = "operator=at_least|at_most|exactly|between"


class UsageConfig(Config):
    """Which part of the product, and how much use is wanted."""

    part: Name = Field(
        title="Product, module or feature",
        json_schema_extra={"widget": "select", "options": "usage.parts"},
    )
    operator: Literal[
        "at_least", "at_most", "exactly", "between", "none", "adopted", "not_adopted"
    ] = Field(
        "at_least",
        title="Is used",
        json_schema_extra={
            "labels": {"none": "Not at all", "adopted": "So much that it is adopted",
                       "not_adopted": "Less than that"}
        },
    )  # fmt: skip
    count: Times = Field(1, title="Number", json_schema_extra={"only_if": COUNTED})
    most: Times | None = Field(None, title="to", json_schema_extra={"only_if": "operator=between"})
    measure: Literal["times", "days", "people", "features"] = Field(
        "times",
        title="of",
        json_schema_extra={
            "labels": {
                "times": "times",
                "days": "different days",
                "people": "different people",
                "features": "different features of it",
            },
            "only_if": COUNTED,
        },
    )
    days: LastDays = None
    first_days: FirstDays = None
    since: Since = None
    until: Until = None

    @model_validator(mode="after")
    def _complete(self) -> "UsageConfig":
        if self.operator == "between" and (self.most is None or self.most < self.count):
            raise ValueError("Give the two numbers to lie between, the lower one first")
        if self.since and self.until and self.since > self.until:
            raise ValueError("Give the earlier day first")
        return self


class UsageTest(RuleKind):
    """How much a part of the usage tree is used: the events of its feature, or of all features
    below it.

    Nobody has used a part that is gone, or that holds no features: counts are zero and it is not
    adopted. “Adopted” is what the part itself says; without a threshold nobody has adopted it.
    """

    key: ClassVar[str] = "usage"
    label: ClassVar[str] = "Use of a feature"
    group: ClassVar[str] = "What they did"
    help: ClassVar[str] = "How much a product, module or feature of the usage tree is used."
    Config: ClassVar[type[Config]] = UsageConfig
    examples: ClassVar[tuple[Example, ...]] = (
        Example("person", {"part": "boards/reports/export", "operator": "none", "days": 30}),
        Example(
            "company",
            {"part": "boards/reports", "count": 3, "measure": "people", "days": 14},
        ),
        Example("company", {"part": "boards", "operator": "adopted"}),
    )

    def check(self, config: UsageConfig, subject: str, known: Known, path: str) -> list[Problem]:
        """The part must be there; adoption needs a threshold; people are counted at companies."""
        branch = _known(known).get(config.part)
        if branch is None:
            message = f"There is no “{config.part}” in the usage tree; choose one of the list."
            return [Problem(f"{path}/part", message, "unknown")]
        if config.operator in ("adopted", "not_adopted"):
            if branch.threshold is None:
                message = (
                    f"“{branch.title}” does not say when it is adopted; say it in the usage tree."
                )
                return [Problem(f"{path}/operator", message, "threshold")]
            if branch.threshold.measure == "people" and subject == "person":
                message = f"“{branch.title}” is adopted by different people: ask about companies."
                return [Problem(f"{path}/operator", message, "subject")]
        if config.measure == "people" and subject == "person":
            message = "Different people can be counted for companies only; count times or days."
            return [Problem(f"{path}/measure", message, "subject")]
        return []

    def bind(self, config: UsageConfig, subject: str, known: Known) -> Branch | None:
        """The part with its events."""
        return _known(known).get(config.part)

    def sql(self, test: Test, scope: Scope) -> Sql:
        """Counts events, as the test of events does."""
        selection, limits, measure = _asked(test)
        found = counted(selection, scope, limits, measure)
        return negated(found) if test.config.operator == "not_adopted" else found

    def holds(self, test: Test, facts: Facts, at: datetime) -> bool:
        """Counts the loaded events."""
        held = _asked(test)[1].hold(_count(test, facts, at))
        return held != (test.config.operator == "not_adopted")

    def value(self, test: Test, facts: Facts, at: datetime) -> Any:
        """How much use there is."""
        return _count(test, facts, at)

    def needs(self, test: Test, subject: str) -> Needs:
        """The events of its features."""
        return _asked(test)[0].needs()

    def fact_keys(self, test: Test, subject: str) -> set[FactKey]:
        """Its events; the part itself, whose change makes whoever stored these keys look again."""
        named = test.bound.named if test.bound else ()
        own = FactKey(subject, f"usage.{test.config.part}")
        return {own} | {FactKey(subject, f"event.{item.name}") for item in named}

    def words(self, test: Test, subject: str, inner: str = "") -> str:
        """e.g. ““Boards › Reports” is used on at least 3 different days in the last 30 days”."""
        config = test.config
        title = test.bound.title if test.bound else f"{config.part} (no longer there)"
        selection, limits, measure = _asked(test)
        if config.operator in ("adopted", "not_adopted"):
            is_not = "not " if config.operator == "not_adopted" else ""
            if test.bound is None or test.bound.threshold is None:
                return f"“{title}” is {is_not}adopted (nobody says when)"
            how = happened_words(limits, measure) + selection.window_words()
            return f"“{title}” is {is_not}adopted (used {how})"
        how = happened_words(limits, measure)
        return f"“{title}” is used {how}{selection.window_words()}"

    def references(self, test: Test) -> set[tuple[str, Any]]:
        """The part's path, and the events that are its use."""
        return {("usage", test.config.part)}

    def time_dependent(self, test: Test) -> bool:
        """Events leave a window by time alone."""
        return _asked(test)[0].days is not None

    def flips(self, test: Test, subject: str, at: datetime, whom: Whom) -> list[Sql]:
        """When use leaves the window."""
        selection, limits, measure = _asked(test)
        return limits.flips(selection, measure, subject, at, whom)


def _known(known: Known) -> dict[str, Branch]:
    found: dict[str, Branch] = known.lookup("usage.tree", branches)
    return found


NEVER = Limits(1, None)


def _asked(test: Test) -> tuple[Selection, Limits, str]:
    """What is counted: events, wanted numbers, measure."""
    config = test.config
    named = test.bound.named if test.bound else ()
    if config.operator not in ("adopted", "not_adopted"):
        limits = Limits.of(config.operator, config.count, config.most)
        measure = "times" if config.operator == "none" else config.measure
        return Selection.of(config, named), limits, measure
    threshold = test.bound.threshold if test.bound else None
    if threshold is None:
        return Selection(()), NEVER, "times"
    limits = Limits(threshold.count, None)
    return Selection(named, days=threshold.days), limits, threshold.measure


def _count(test: Test, facts: Facts, at: datetime) -> int:
    selection, _, measure = _asked(test)
    return count(selection, measure, "", facts, at)
