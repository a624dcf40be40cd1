"""Calculated from the people of a company, or from the companies of a person."""

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal

from pydantic import Field

from csplatform.customers.attributes import Spec, attribute_specs, normal
from csplatform.kit.errors import DomainError, Problem
from csplatform.kit.schema import Config
from csplatform.rules.compile import condition
from csplatform.rules.evaluate import holds
from csplatform.rules.facts import Facts, Needs
from csplatform.rules.flips import Whom, next_flips
from csplatform.rules.kind import FactKey, Known
from csplatform.rules.kinds.attribute import expression as attribute_expression
from csplatform.rules.parse import load_rule, parse_rule
from csplatform.rules.references import fact_keys, needs_of, time_dependent
from csplatform.rules.scope import Scope
from csplatform.rules.sqltext import Sql
from csplatform.rules.tree import EVERYBODY, Node
from csplatform.rules.words import phrase
from journeys.fields.events import PLACES
from journeys.fields.source import Asked, FieldSource

FIGURES: dict[str, Any] = {
    "count": "How many", "sum": "Sum of a number", "average": "Average of a number",
    "min": "Lowest of a number", "max": "Highest of a number",
}  # fmt: skip
OF_NUMBER: list[Any] = ["sum", "average", "min", "max"]


def _config(other: str) -> type[Config]:
    """The settings, with a rule and numbers of the other side."""

    class RelatedConfig(Config):
        """Which of them, and what of them."""

        figure: Literal["count", "sum", "average", "min", "max"] = Field(
            default="count", title="What of them", json_schema_extra={"labels": FIGURES}
        )
        attribute: str | None = Field(
            default=None, max_length=60, title="Number",
            json_schema_extra={"options": f"{other}_numbers", "when": {"figure": OF_NUMBER}},
        )  # fmt: skip
        rule: dict[str, Any] = Field(
            default={}, title="Only those for whom",
            json_schema_extra={"widget": "rule", "about": other},
        )  # fmt: skip

    return RelatedConfig


class RelatedSource(FieldSource):
    """How many of the related ones match a rule, or a figure of one of their numbers.

    Nobody: the count and the sum are 0, everything else is missing. A person who travels for one of
    several companies has that one alone.
    """

    def __init__(self, key: str, label: str, sentence: str, subject: str, other: str) -> None:
        self.key, self.label, self.sentence = key, label, sentence  # type: ignore[misc]
        self.subjects, self.other = (subject,), other  # type: ignore[misc]
        self.Config = _config(other)  # type: ignore[misc]
        self.example = {"figure": "count", "rule": {}}  # type: ignore[misc]

    def check(self, config: Any, subject: str, known: Known, path: str) -> list[Problem]:
        """The rule parses, the number is one."""
        problems: list[Problem] = []
        try:
            parse_rule(config.rule, self.other, f"{path}/rule", known=known)
        except DomainError as error:
            problems += error.problems
        if config.figure in OF_NUMBER:
            spec = known.attributes(self.other).get(config.attribute or "")
            if spec is None or spec.type != "number":
                problems.append(Problem(f"{path}/attribute", "Choose a number.", "missing"))
        return problems

    def bind(self, config: Any, subject: str) -> tuple[Node, Spec | None]:
        """The rule, and the attribute if it is a number still."""
        spec = attribute_specs(self.other).get(config.attribute or "")
        rule = load_rule(config.rule, self.other)
        return rule, spec if spec and spec.type == "number" else None

    def words(self, config: Any, subject: str) -> str:
        """e.g. “the number of its people for whom Role is “admin””."""
        whom = "its people" if self.other == "person" else "their companies"
        what = "the number of"
        if config.figure != "count":
            of = f"“{config.attribute or '…'}”"
            what = FIGURES[config.figure].lower().replace("a number", of) + " of"
        rule = load_rule(config.rule, self.other)
        some = "" if rule == EVERYBODY else f" for whom {phrase(rule, self.other)}"
        return f"{what} {whom}{some}"

    def expression(self, asked: Asked, scope: Scope) -> Sql:
        """An aggregate over memberships of the row."""
        rule, spec = asked.bound
        nested = scope.crossed(self.other)
        link = f"m{nested.level}"
        related = (
            f" FROM customers_membership {link} JOIN {nested.table} {nested.alias}"
            f" ON {nested.alias}.id = {link}.{self.other}_id"
            f" WHERE {link}.{scope.subject}_id = {scope.alias}.id AND {nested.alive} AND "
        )
        if scope.company and self.other == "company":
            related += f"{link}.company_id = COALESCE({scope.company}, {link}.company_id) AND "
        matching = condition(rule, nested)
        if asked.config.figure == "count":
            return Sql(f"(SELECT count(*)::numeric{related}") + matching + Sql(")")
        if spec is None:
            return Sql("NULL::numeric")
        number = attribute_expression(spec, nested)
        before, after = {
            "sum": ("COALESCE(sum(", "), 0)"), "average": ("round(avg(", "), 6)"),
            "min": ("min(", ")"), "max": ("max(", ")"),
        }[asked.config.figure]  # fmt: skip
        figure = Sql(f"(SELECT {before}") + number + Sql(after)
        return figure + Sql(related) + matching + Sql(")")

    def value(self, asked: Asked, facts: Facts, at: datetime) -> Any:
        """From the loaded ones."""
        rule, spec = asked.bound
        related = facts.people if self.other == "person" else facts.companies
        found = [one for one in related if one.alive and holds(rule, one, at)]
        figure = asked.config.figure
        if figure == "count":
            return len(found)
        if spec is None:
            return None
        values = [Decimal(str(v)) for one in found if (v := one.value(spec)) is not None]
        total = sum(values, Decimal(0))
        if figure == "sum":
            return normal(total)
        if not values:
            return None
        if figure == "average":
            return normal((total / len(values)).quantize(PLACES, ROUND_HALF_UP))
        return normal(min(values) if figure == "min" else max(values))

    def needs(self, asked: Asked) -> Needs:
        """What the rule needs of them."""
        inner = needs_of(asked.bound[0], self.other)
        return Needs(people=inner) if self.other == "person" else Needs(companies=inner)

    def fact_keys(self, asked: Asked) -> set[FactKey]:
        """Who belongs together, what the rule reads, and the number."""
        rule, spec = asked.bound
        keys = {FactKey(self.other, "membership", 1)}
        keys |= {k._replace(hops=k.hops + 1) for k in fact_keys(rule, self.other)}
        return keys | ({FactKey(self.other, f"attr.{spec.name}", 1)} if spec else set())

    def time_dependent(self, asked: Asked) -> bool:
        """Where the rule is."""
        return time_dependent(asked.bound[0], self.other)

    def flips(self, asked: Asked, at: datetime, whom: Whom) -> list[Sql]:
        """When the rule's answer about one of them may change."""
        inner = next_flips(asked.bound[0], self.other, at, whom.related(asked.subject))
        if inner is None:
            return []
        reached = whom.among(f"m.{asked.subject}_id")
        head = f"SELECT m.{asked.subject}_id AS id, f.due FROM ("
        join = f") f JOIN customers_membership m ON m.{self.other}_id = f.id WHERE "
        return [Sql(head) + inner + Sql(join) + reached]


def people_source() -> RelatedSource:
    """For programs of companies."""
    return RelatedSource(
        "people", "Its people", "Counts the people of the company, or takes a figure of a number.",
        "company", "person",
    )  # fmt: skip


def companies_source() -> RelatedSource:
    """For programs of people."""
    return RelatedSource(
        "companies", "Their companies",
        "Counts the companies where the person works, or takes a figure of a number.",
        "person", "company",
    )  # fmt: skip
