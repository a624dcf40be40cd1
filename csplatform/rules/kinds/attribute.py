"""A test of one attribute, built-in or declared."""

from datetime import datetime
from typing import Any, ClassVar

from pydantic import Field, field_validator

from csplatform.customers.attributes import Spec
from csplatform.kit.errors import DomainError, Problem
from csplatform.kit.schema import Config
from csplatform.rules import comparisons
from csplatform.rules.comparisons import Bound
from csplatform.rules.configs import Name, PlainValue
from csplatform.rules.facts import Facts
from csplatform.rules.flips import Whom
from csplatform.rules.kind import Example, FactKey, Known, RuleKind
from csplatform.rules.operators import EVERY_OPERATOR, RELATIVE, said
from csplatform.rules.scope import Scope
from csplatform.rules.sqltext import Sql, fill, value
from csplatform.rules.tree import Test

NATIVE = {"date": "date", "datetime": "timestamptz"}


class AttributeConfig(Config):
    """Which attribute is asked for what."""

    name: Name = Field(title="Attribute")
    operator: str = Field(title="Is")
    value: PlainValue = Field(None, title="Value")

    @field_validator("operator")
    @classmethod
    def _known(cls, key: str) -> str:
        if key not in EVERY_OPERATOR:
            raise ValueError(f"There is no operator “{key[:60]}”")
        return key


class AttributeTest(RuleKind):
    """What an attribute says.

    A missing value (also an attribute that is gone, or a value left from an earlier type) makes
    positive operators false; the negated ones (is not, is none of, does not contain, contains none
    of) and "has no value" true.
    """

    key: ClassVar[str] = "attribute"
    label: ClassVar[str] = "Attribute"
    group: ClassVar[str] = "Who they are"
    help: ClassVar[str] = "A field such as role, plan or renewal date."
    Config: ClassVar[type[Config]] = AttributeConfig
    editor: ClassVar[str] = "attribute"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("person", {"name": "role", "operator": "contains", "value": "admin"}),
        Example("person", {"name": "created_at", "operator": "in_last_days", "value": 30}),
        Example("company", {"name": "arr", "operator": "between", "value": [1000, 5000.5]}),
        Example("company", {"name": "tags", "operator": "contains_none", "value": ["vip"]}),
        Example("company", {"name": "renewal_date", "operator": "unset"}),
    )

    def check(
        self, config: AttributeConfig, subject: str, known: Known, path: str
    ) -> list[Problem]:
        """The attribute must exist, know the operator and take the value."""
        spec = known.attributes(subject).get(config.name)
        if spec is None:
            whose = "people" if subject == "person" else "companies"
            message = f"There is no attribute “{config.name}” of {whose}; choose one of the list."
            return [Problem(f"{path}/name", message, "unknown")]
        try:
            comparisons.bind(spec, config.operator, config.value, path)
        except DomainError as error:
            return error.problems
        return []

    def bind(self, config: AttributeConfig, subject: str, known: Known) -> Bound | Spec | None:
        """The typed question; the bare spec when the question no longer fits its type."""
        spec = known.attributes(subject).get(config.name)
        if spec is None:
            return None
        try:
            return comparisons.bind(spec, config.operator, config.value)
        except DomainError:
            return spec

    def sql(self, test: Test, scope: Scope) -> Sql:
        """A comparison of the column or of the type-guarded JSON value."""
        if not isinstance(test.bound, Bound):
            return comparisons.MISSING_SQL[_if_missing(test)]
        spec = test.bound.spec
        native = NATIVE.get(spec.type, "") if spec.column else ""
        return comparisons.sql(test.bound, expression(spec, scope), scope.at, native=native)

    def holds(self, test: Test, facts: Facts, at: datetime) -> bool:
        """The same in memory."""
        if not isinstance(test.bound, Bound):
            return _if_missing(test)
        return comparisons.holds(test.bound, facts.value(test.bound.spec), at)

    def value(self, test: Test, facts: Facts, at: datetime) -> Any:
        """The attribute's value."""
        spec = test.bound.spec if isinstance(test.bound, Bound) else test.bound
        return facts.value(spec) if spec is not None else None

    def fact_keys(self, test: Test, subject: str) -> set[FactKey]:
        """The attribute."""
        return {FactKey(subject, f"attr.{test.config.name}")}

    def words(self, test: Test, subject: str, inner: str = "") -> str:
        """e.g. “Plan is one of “a” or “b””."""
        spec = test.bound.spec if isinstance(test.bound, Bound) else test.bound
        label = spec.label if spec else f"{test.config.name} (no longer there)"
        operator = EVERY_OPERATOR[test.config.operator]
        if isinstance(test.bound, Bound):
            operator = test.bound.operator
        return f"{label} {said(operator, _labelled(spec, test.config.value))}"

    def references(self, test: Test) -> set[tuple[str, Any]]:
        """The attribute's name."""
        return {("attribute", test.config.name)}

    def time_dependent(self, test: Test) -> bool:
        """Whether it asks for days from now."""
        return test.config.operator in RELATIVE

    def flips(self, test: Test, subject: str, at: datetime, whom: Whom) -> list[Sql]:
        """When the days from now on reach the value or leave it behind."""
        if not isinstance(test.bound, Bound) or not self.time_dependent(test):
            return []
        spec, scope = test.bound.spec, Scope(subject, "s0", at)
        native = NATIVE.get(spec.type, "") if spec.column else ""
        moments = comparisons.flips(test.bound, expression(spec, scope), at, native=native)
        who = whom.among("s0.id")
        return [
            Sql(
                f"SELECT s0.id, d.due FROM {scope.table} s0"
                f" CROSS JOIN LATERAL ({moments.text}) d(due)"
                f" WHERE {scope.alive} AND {who.text} AND d.due > %s",
                (*moments.params, *who.params, at),
            )
        ]


def _if_missing(test: Test) -> bool:
    return bool(EVERY_OPERATOR[test.config.operator].negates)


def _labelled(spec: Spec | None, raw: Any) -> Any:
    """Values of a choice as their labels."""
    labels = dict(spec.choices) if spec else {}
    if isinstance(raw, list):
        return [labels.get(item, item) if isinstance(item, str) else item for item in raw]
    return labels.get(raw, raw) if isinstance(raw, str) else raw


# Columns that hold attributes; an identifier in SQL never comes from data.
_COLUMN_OF = {
    "person": {"email", "name", "role", "persona", "language", "time_zone", "created_at"},
    "company": {
        "name", "external_id", "domains", "stage", "status", "arr", "mrr", "renewal_date",
        "time_zone", "tags", "created_at",
    },
}  # fmt: skip
_TEXTUAL = {"text", "link", "choice", "date", "datetime"}


def expression(spec: Spec, scope: Scope) -> Sql:
    """The attribute's value in SQL; NULL when missing or not of its type."""
    if spec.column:
        return _of_column(spec, scope)
    return _of_json(spec, f"{scope.alias}.attributes")


def _of_column(spec: Spec, scope: Scope) -> Sql:
    if spec.column not in _COLUMN_OF[scope.subject]:
        raise LookupError(f"column {spec.column!r} is not known to rules")
    column = f"{scope.alias}.{spec.column}"
    if spec.type == "list":
        items = f'SELECT lower(i COLLATE "C") FROM unnest({column}) i'
        return Sql(f"(CASE WHEN cardinality({column}) > 0 THEN ARRAY({items}) END)")
    return Sql(f"NULLIF({column}, '')" if spec.type in ("text", "link", "choice") else column)


def _of_json(spec: Spec, json: str) -> Sql:
    """A JSON value behind a guard of its type, so that no cast can ever fail."""
    template = {
        "number": "(CASE WHEN jsonb_typeof(J->{n}) = 'number' THEN (J->>{n})::numeric END)",
        "boolean": "(CASE WHEN jsonb_typeof(J->{n}) = 'boolean' THEN (J->>{n})::boolean END)",
        "list": "(CASE WHEN jsonb_typeof(J->{n}) = 'array' AND J->{n} <> '[]'::jsonb THEN ARRAY("
        'SELECT lower((i.e #>> ARRAY[]::text[]) COLLATE "C") FROM jsonb_array_elements(J->{n}) i(e)'
        " WHERE jsonb_typeof(i.e) = 'string') END)",
    }.get(spec.type, "(CASE WHEN jsonb_typeof(J->{n}) = 'string' THEN NULLIF(J->>{n}, '') END)")
    return fill(template.replace("J", json), n=value(spec.name, "text"))
