"""The test of a calculated field, for rules inside of programs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from pydantic import Field, field_validator

from csplatform.customers.attributes import Spec
from csplatform.kit.errors import DomainError, Problem
from csplatform.kit.schema import Config
from csplatform.rules import comparisons
from csplatform.rules.comparisons import Bound
from csplatform.rules.configs import Name, PlainValue
from csplatform.rules.facts import Facts, Needs
from csplatform.rules.flips import Whom
from csplatform.rules.kind import Example, FactKey, Known, RuleKind
from csplatform.rules.operators import EVERY_OPERATOR, said
from csplatform.rules.scope import Scope
from csplatform.rules.sqltext import Sql
from csplatform.rules.tree import Test
from journeys.fields.definition import label_of, read
from journeys.fields.source import Asked, FieldSource

LOGINS = {
    "key": "logins", "label": "Logins", "source": "events",
    "config": {"event": "login", "figure": "count", "days": 30},
}  # fmt: skip
ADMINS = {
    "key": "admins", "label": "Admins", "source": "people",
    "config": {"figure": "count",
               "rule": {"test": "attribute", "name": "role", "operator": "set"}},
}  # fmt: skip
SPENT = {
    "key": "spent", "label": "Spent", "source": "events",
    "config": {"event": "report_exported", "figure": "average", "property": "pages"},
}  # fmt: skip


class FieldConfig(Config):
    """Which field is compared how. The definition is put beside it by the program."""

    name: Name = Field(title="Field")
    operator: str = Field(title="Is")
    value: PlainValue = Field(None, title="Value")
    definition: dict[str, Any] | None = Field(None, title="Definition")

    @field_validator("operator")
    @classmethod
    def _known(cls, key: str) -> str:
        if key not in EVERY_OPERATOR:
            raise ValueError(f"There is no operator “{key[:60]}”")
        return key


@dataclass(frozen=True)
class BoundField:
    """A field that can be worked out, and the question about it if it fits its type."""

    source: FieldSource
    asked: Asked
    question: Bound | None


class FieldTest(RuleKind):
    """What a calculated field of the program is.

    A missing value (also a field that is gone) makes positive operators false, negated ones true.
    """

    key: ClassVar[str] = "field"
    label: ClassVar[str] = "Calculated field"
    group: ClassVar[str] = "This program"
    help: ClassVar[str] = "A value that this program works out, e.g. logins in the last 30 days."
    Config: ClassVar[type[Config]] = FieldConfig
    editor: ClassVar[str] = "field"
    offered: ClassVar[bool] = False
    examples: ClassVar[tuple[Example, ...]] = (
        Example("person", {"name": "logins", "operator": "gte", "value": 2, "definition": LOGINS}),
        Example("company", {"name": "admins", "operator": "lt", "value": 2, "definition": ADMINS}),
        Example("company", {"name": "spent", "operator": "unset", "definition": SPENT}),
    )

    def check(self, config: FieldConfig, subject: str, known: Known, path: str) -> list[Problem]:
        """The field is there, and knows the operator and the value."""
        bound = self.bind(config, subject, known)
        if bound is None:
            text = f"There is no calculated field “{config.name}” here; choose one of the list."
            return [Problem(f"{path}/name", text, "unknown")]
        try:
            comparisons.bind(_spec(config, bound.source, bound.asked), config.operator,
                             config.value, path)  # fmt: skip
        except DomainError as error:
            return error.problems
        return []

    def bind(self, config: FieldConfig, subject: str, known: Known) -> BoundField | None:
        """The source, and the typed question."""
        found = read(config.definition or {}, subject)
        if found is None:
            return None
        source, asked = found
        try:
            spec = _spec(config, source, asked)
            return BoundField(source, asked, comparisons.bind(spec, config.operator, config.value))
        except DomainError:
            return BoundField(source, asked, None)

    def sql(self, test: Test, scope: Scope) -> Sql:
        """A comparison of the source's expression."""
        if test.bound is None or test.bound.question is None:
            return comparisons.MISSING_SQL[_if_missing(test)]
        expression = test.bound.source.expression(test.bound.asked, scope)
        return comparisons.sql(test.bound.question, expression, scope.at)

    def holds(self, test: Test, facts: Facts, at: datetime) -> bool:
        """The same in memory."""
        if test.bound is None or test.bound.question is None:
            return _if_missing(test)
        return comparisons.holds(test.bound.question, self.value(test, facts, at), at)

    def value(self, test: Test, facts: Facts, at: datetime) -> Any:
        """The field's value."""
        if test.bound is None:
            return None
        return test.bound.source.value(test.bound.asked, facts, at)

    def needs(self, test: Test, subject: str) -> Needs:
        """What the source reads."""
        return test.bound.source.needs(test.bound.asked) if test.bound else Needs()

    def fact_keys(self, test: Test, subject: str) -> set[FactKey]:
        """What the source reads."""
        return test.bound.source.fact_keys(test.bound.asked) if test.bound else set()

    def words(self, test: Test, subject: str, inner: str = "") -> str:
        """e.g. “Logins is at least 3”."""
        config: FieldConfig = test.config
        gone = f"{config.name} (a field that is not there)"
        label = label_of(config.definition) if config.definition else gone
        operator = EVERY_OPERATOR[config.operator]
        if test.bound is not None and test.bound.question is not None:
            operator = test.bound.question.operator
        return f"{label} {said(operator, config.value)}"

    def time_dependent(self, test: Test) -> bool:
        """Where the source is, or the question asks for days from now."""
        return bool(test.bound and test.bound.source.time_dependent(test.bound.asked))

    def flips(self, test: Test, subject: str, at: datetime, whom: Whom) -> list[Sql]:
        """When the value may change by time alone."""
        if not self.time_dependent(test):
            return []
        flips: list[Sql] = test.bound.source.flips(test.bound.asked, at, whom)
        return flips


def _spec(config: FieldConfig, source: FieldSource, asked: Asked) -> Spec:
    label = label_of(config.definition or {})
    return Spec(config.name, label, source.type(asked.config))


def _if_missing(test: Test) -> bool:
    return bool(EVERY_OPERATOR[test.config.operator].negates)
