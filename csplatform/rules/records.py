"""Tests of records that belong to a subject, such as subscriptions of a company: how many of them,
or how much in sum, fit typed conditions.

A kind subclasses `RecordTest`, names its table and fields, and brings a source of facts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, Literal

from pydantic import Field, create_model, model_validator

from csplatform.customers.attributes import Spec
from csplatform.kit.errors import DomainError, Problem
from csplatform.kit.schema import Config
from csplatform.rules import comparisons
from csplatform.rules.comparisons import Bound
from csplatform.rules.configs import Name, PlainValue
from csplatform.rules.facts import Facts, Needs
from csplatform.rules.flips import Whom
from csplatform.rules.kind import FactKey, Known, RuleKind
from csplatform.rules.operators import EVERY_OPERATOR, RELATIVE, described, said
from csplatform.rules.scope import Scope
from csplatform.rules.sqltext import FALSE, TRUE, Sql, joined, negated
from csplatform.rules.tree import Test

MATCHES = {
    "any": "at least one",
    "none": "none",
    "all": "every one (of at least one)",
    "at_least": "at least this many",
    "at_most": "at most this many",
    "sum_at_least": "in sum at least",
    "sum_at_most": "in sum at most",
}


@dataclass(frozen=True)
class RecordField:
    """A field of a record that rules can ask for.

    Attributes:
        spec: its name, label and type.
        sql: its value over the record's row `r`, NULL when missing; code-owned.
        native: the server's own type of a date; "" for everything else.
    """

    spec: Spec
    sql: str
    native: str = ""


def field_of(spec: Spec, sql: str = "") -> RecordField:
    """A field that is a column."""
    expression = sql or f"r.{spec.name}"
    if not sql and spec.type in ("text", "choice"):
        expression = f"NULLIF(r.{spec.name}, '')"
    return RecordField(spec, expression, spec.type if spec.type == "date" else "")


@dataclass(frozen=True)
class Records:
    """A table of records of one kind of subject.

    Attributes:
        one: how one of them is called in a sentence.
        source: of facts; its value for the key 0 is a list of dicts by the fields' names.
        fact: the fact key that a change touches.
        summed: the number that the sums are about.
        suggested: fields whose frequent values the builder suggests, as a column.
    """

    one: str
    table: str
    owner: str
    source: str
    fact: str
    fields: Mapping[str, RecordField]
    summed: str
    suggested: tuple[str, ...] = ()


class RecordFilter(Config):
    """One condition on a record."""

    field: Name = Field(title="Field")
    operator: str = Field(title="Is")
    value: PlainValue = Field(None, title="Value")


class RecordConfig(Config):
    """Base of the configs that `record_config` makes."""

    match: Literal["any", "none", "all", "at_least", "at_most", "sum_at_least", "sum_at_most"] = (
        Field("any", title="Of them", json_schema_extra={"labels": dict(MATCHES)})
    )
    count: float = Field(
        1,
        ge=0,
        le=1e12,
        title="How many or how much",
        json_schema_extra={"only_if": "match=at_least|at_most|sum_at_least|sum_at_most"},
    )
    where: list[RecordFilter] = Field(default_factory=list, max_length=10, title="with")

    @model_validator(mode="after")
    def _whole(self) -> "RecordConfig":
        if self.match in ("at_least", "at_most") and not self.count.is_integer():
            raise ValueError("Give a whole number")
        return self


def record_config(name: str, records: Records) -> type[RecordConfig]:
    """The config of a kind; its conditions know the fields of the records."""
    extra: dict[str, Any] = {
        "widget": "records",
        "attributes": [described(field.spec) for field in records.fields.values()],
        "suggest": {field: f"{records.source}.{field}" for field in records.suggested},
    }
    where: Any = Field(default_factory=list, max_length=10, title="with", json_schema_extra=extra)
    return create_model(
        name, __base__=RecordConfig, __module__=__name__, where=(list[RecordFilter], where)
    )


class RecordTest(RuleKind):
    """Base of tests of records; subclasses say in their docstring what missing values mean.

    Attributes:
        records: the table and its fields.
    """

    records: ClassVar[Records]

    def check(self, config: RecordConfig, subject: str, known: Known, path: str) -> list[Problem]:
        """Fields must exist, know the operator and take the value."""
        problems: list[Problem] = []
        for index, demand in enumerate(config.where):
            place = f"{path}/where/{index}"
            field = self.records.fields.get(demand.field)
            if field is None:
                choices = ", ".join(self.records.fields)
                message = f"There is no field “{demand.field}”; use one of: {choices}."
                problems.append(Problem(f"{place}/field", message, "unknown"))
                continue
            try:
                comparisons.bind(field.spec, demand.operator, demand.value, place)
            except DomainError as error:
                problems += error.problems
        return problems

    def bind(self, config: RecordConfig, subject: str, known: Known) -> tuple[Bound | None, ...]:
        """The typed questions; None for one that does not fit (any more)."""
        return tuple(self._bound(demand) for demand in config.where)

    def _bound(self, demand: RecordFilter) -> Bound | None:
        field = self.records.fields.get(demand.field)
        if field is None:
            return None
        try:
            return comparisons.bind(field.spec, demand.operator, demand.value)
        except DomainError:
            return None

    # --- SQL ------------------------------------------------------------------------------------

    def sql(self, test: Test, scope: Scope) -> Sql:
        """Over the subject's records."""
        records, match = self.records, test.config.match
        fits = joined(self._conditions(test, scope.at), "AND", TRUE)
        own = f"FROM {records.table} r WHERE r.{records.owner} = {scope.alias}.id"

        def exists(condition: Sql) -> Sql:
            return Sql(f"EXISTS (SELECT 1 {own} AND {condition.text})", condition.params)

        if match in ("any", "none"):
            return exists(fits) if match == "any" else negated(exists(fits))
        if match == "all":
            return joined([exists(TRUE), negated(exists(negated(fits)))], "AND", TRUE)
        number = "count(*)"
        if match.startswith("sum"):
            number = f"COALESCE(sum({records.fields[records.summed].sql}), 0)"
        sign = ">=" if match.endswith("least") else "<="
        limit = Decimal(str(test.config.count))
        return Sql(
            f"((SELECT {number} {own} AND {fits.text}) {sign} %s::numeric)", (*fits.params, limit)
        )

    def _conditions(self, test: Test, at: datetime) -> list[Sql]:
        found = []
        for demand, bound in zip(test.config.where, test.bound, strict=True):
            if bound is None:
                found.append(TRUE if _if_gone(demand) else FALSE)
                continue
            field = self.records.fields[demand.field]
            found.append(comparisons.sql(bound, Sql(field.sql), at, native=field.native))
        return found

    # --- memory ---------------------------------------------------------------------------------

    def holds(self, test: Test, facts: Facts, at: datetime) -> bool:
        """Over the loaded records."""
        rows = self._rows(facts)
        fitting = [row for row in rows if _fits(test, row, at)]
        match, limit = test.config.match, Decimal(str(test.config.count))
        if match in ("any", "none"):
            return bool(fitting) == (match == "any")
        if match == "all":
            return bool(rows) and len(fitting) == len(rows)
        number = Decimal(len(fitting))
        if match.startswith("sum"):
            summed = (row.get(self.records.summed) for row in fitting)
            number = sum((Decimal(str(n)) for n in summed if n is not None), Decimal(0))
        return number >= limit if match.endswith("least") else number <= limit

    def _rows(self, facts: Facts) -> list[dict[str, Any]]:
        return facts.extra.get((self.records.source, 0)) or []

    def value(self, test: Test, facts: Facts, at: datetime) -> Any:
        """The first records that fit, and how many there are."""
        rows = self._rows(facts)
        fitting = [row for row in rows if _fits(test, row, at)]
        return {"of": len(rows), "fit": len(fitting), "first": fitting[:5]}

    def needs(self, test: Test, subject: str) -> Needs:
        """The records."""
        return Needs(extra=frozenset({(self.records.source, 0)}))

    # --- the rest -------------------------------------------------------------------------------

    def fact_keys(self, test: Test, subject: str) -> set[FactKey]:
        """The records."""
        return {FactKey(subject, self.records.fact)}

    def words(self, test: Test, subject: str, inner: str = "") -> str:
        """e.g. “there is at least one subscription with Ends on is in the next 60 days”."""
        config, one = test.config, self.records.one
        count = f"{config.count:,.2f}".rstrip("0").rstrip(".")
        summed = self.records.fields[self.records.summed].spec.label
        how = {
            "any": f"there is at least one {one}",
            "none": f"there is no {one}",
            "all": f"every {one} (of at least one)",
            "at_least": f"there are at least {count} {one}s",
            "at_most": f"there are at most {count} {one}s",
            "sum_at_least": f"{summed} of all {one}s is in sum at least {count}",
            "sum_at_most": f"{summed} of all {one}s is in sum at most {count}",
        }[config.match]
        where = " and ".join(self._said(demand) for demand in config.where)
        if not where:
            return "there is any" if config.match == "all" else how
        return f"{how}: {where}" if config.match == "all" else f"{how} with {where}"

    def _said(self, demand: RecordFilter) -> str:
        field = self.records.fields.get(demand.field)
        operator = EVERY_OPERATOR.get(demand.operator)
        if field is None or operator is None:
            return f"{demand.field} (no longer there)"
        labels = dict(field.spec.choices)
        given = demand.value
        if isinstance(given, list):
            given = [labels.get(item, item) if isinstance(item, str) else item for item in given]
        elif isinstance(given, str):
            given = labels.get(given, given)
        return f"{field.spec.label} {said(operator, given)}"

    def time_dependent(self, test: Test) -> bool:
        """Whether a condition asks for days from now."""
        return any(demand.operator in RELATIVE for demand in test.config.where)

    def flips(self, test: Test, subject: str, at: datetime, whom: Whom) -> list[Sql]:
        """When the days from now on reach a record's day or leave it behind."""
        found = []
        records = self.records
        who = whom.among(f"r.{records.owner}")
        for demand, bound in zip(test.config.where, test.bound, strict=True):
            if bound is None or demand.operator not in RELATIVE:
                continue
            field = records.fields[demand.field]
            due = comparisons.flips(bound, Sql(field.sql), at, native=field.native)
            found.append(
                Sql(
                    f"SELECT r.{records.owner} AS id, d.due FROM {records.table} r"
                    f" CROSS JOIN LATERAL ({due.text}) d(due) WHERE {who.text} AND d.due > %s",
                    (*due.params, *who.params, at),
                )
            )
        return found


def _if_gone(demand: RecordFilter) -> bool:
    operator = EVERY_OPERATOR.get(demand.operator)
    return bool(operator and operator.negates)


def _fits(test: Test, row: Mapping[str, Any], at: datetime) -> bool:
    return all(
        _if_gone(demand) if bound is None else comparisons.holds(bound, row.get(demand.field), at)
        for demand, bound in zip(test.config.where, test.bound, strict=True)
    )
