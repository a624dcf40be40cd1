"""A test of the people of a company."""

from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from csplatform.kit.schema import Config
from csplatform.rules import relation
from csplatform.rules.configs import RawRule
from csplatform.rules.facts import Facts, Needs
from csplatform.rules.kind import Example, FactKey, RuleKind
from csplatform.rules.references import needs_of
from csplatform.rules.relation import Quantifier
from csplatform.rules.scope import Scope
from csplatform.rules.sqltext import Sql
from csplatform.rules.tree import EVERYBODY, Test


class PeopleConfig(Config):
    """How many of its people must match what."""

    match: Literal["any", "all", "none", "at_least", "at_most", "percent"] = Field(
        "any",
        title="Of its people",
        json_schema_extra={
            "labels": {
                "any": "at least one",
                "all": "everyone",
                "none": "none",
                "at_least": "at least this many",
                "at_most": "at most this many",
                "percent": "at least this percentage",
            }
        },
    )
    count: int = Field(
        1,
        ge=0,
        le=1_000_000,
        title="How many",
        json_schema_extra={"only_if": "match=at_least|at_most|percent"},
    )
    rule: RawRule = Field(default_factory=dict, title="match")

    @model_validator(mode="after")
    def _number_fits(self) -> "PeopleConfig":
        if self.match == "at_least" and not self.count:
            raise ValueError("Give a number from 1")
        if self.match == "percent" and not 1 <= self.count <= 100:
            raise ValueError("Give a percentage from 1 to 100")
        return self


class PeopleTest(RuleKind):
    """Whether any, all, none, at least or at most so many, or at least a percentage of a company's
    people match a rule about people.

    A company without people: only "none" and "at most" are true.
    """

    key: ClassVar[str] = "people"
    label: ClassVar[str] = "Its people"
    group: ClassVar[str] = "Who they are"
    help: ClassVar[str] = "Looks at the people who work for the company."
    subjects: ClassVar[tuple[str, ...]] = ("company",)
    Config: ClassVar[type[Config]] = PeopleConfig
    inner: ClassVar[dict[str, str]] = {"company": "person"}
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "company",
            {
                "match": "at_least",
                "count": 2,
                "rule": {"test": "attribute", "name": "role", "operator": "set"},
            },
        ),
        Example("company", {"match": "all", "rule": {}}),
        Example(
            "company",
            {
                "match": "percent",
                "count": 50,
                "rule": {"test": "attribute", "name": "role", "operator": "set"},
            },
        ),
    )

    def sql(self, test: Test, scope: Scope) -> Sql:
        """Over memberships."""
        return relation.quantified_sql(_quantifier(test), test.inner or EVERYBODY, scope, "person")

    def holds(self, test: Test, facts: Facts, at: datetime) -> bool:
        """Over the loaded people."""
        inner = test.inner or EVERYBODY
        return relation.quantified_holds(_quantifier(test), inner, facts.people, at)

    def value(self, test: Test, facts: Facts, at: datetime) -> Any:
        """People and whether they match."""
        return relation.quantified_value(test.inner or EVERYBODY, facts.people, at)

    def needs(self, test: Test, subject: str) -> Needs:
        """What the nested rule needs of the people."""
        return Needs(people=needs_of(test.inner or EVERYBODY, "person"))

    def fact_keys(self, test: Test, subject: str) -> set[FactKey]:
        """Who works there."""
        return {FactKey("person", "membership", 1)}

    def words(self, test: Test, subject: str, inner: str = "") -> str:
        """e.g. “at least 2 of its people match: Role has any value”."""
        count = test.config.count
        if test.inner == EVERYBODY:
            bound = str(test.config.match).replace("_", " ")
            least = f"it has {bound} {count:,} people"
            several = test.config.match == "at_most" or (
                test.config.match == "at_least" and count > 1
            )
            fallback = "it has no people" if test.config.match == "none" else "it has people"
            return least if several else fallback
        whose = {
            "any": "at least one of its people matches",
            "all": "all of its people match",
            "none": "none of its people matches",
            "at_least": f"at least {count:,} of its people match",
            "at_most": f"at most {count:,} of its people match",
            "percent": f"at least {count} % of its people match",
        }[test.config.match]
        return f"{whose}: {inner}"


def _quantifier(test: Test) -> Quantifier:
    return Quantifier(test.config.match, test.config.count)
