"""A test of the people of a company."""

from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import Field

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

    match: Literal["any", "all", "none", "at_least"] = Field(
        "any",
        title="Of its people",
        json_schema_extra={
            "labels": {
                "any": "at least one",
                "all": "everyone",
                "none": "none",
                "at_least": "at least this many",
            }
        },
    )
    count: int = Field(
        1, ge=1, le=1_000_000, title="How many", json_schema_extra={"only_if": "match=at_least"}
    )
    rule: RawRule = Field(default_factory=dict, title="match")


class PeopleTest(RuleKind):
    """Whether any, all, none or at least so many of a company's people match a rule about people.

    A company without people: only "none" is true.
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
            least = f"it has at least {count:,} people"
            several = test.config.match == "at_least" and count > 1
            fallback = "it has no people" if test.config.match == "none" else "it has people"
            return least if several else fallback
        whose = {
            "any": "at least one of its people matches",
            "all": "all of its people match",
            "none": "none of its people matches",
            "at_least": f"at least {count:,} of its people match",
        }[test.config.match]
        return f"{whose}: {inner}"


def _quantifier(test: Test) -> Quantifier:
    return Quantifier(test.config.match, test.config.count)
