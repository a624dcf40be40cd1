"""A test of the companies of a person."""

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


class CompanyConfig(Config):
    """Which of their companies must match what."""

    match: Literal["any", "all", "none"] = Field(
        "any",
        title="Of their companies",
        json_schema_extra={"labels": {"any": "at least one", "all": "every one", "none": "none"}},
    )
    rule: RawRule = Field(default_factory=dict, title="matches")


class CompanyTest(RuleKind):
    """Whether any, all or none of a person's companies match a rule about companies.

    Somebody without a company: "any" and "all" are false, "none" is true.
    """

    key: ClassVar[str] = "company"
    label: ClassVar[str] = "Their company"
    group: ClassVar[str] = "Who they are"
    help: ClassVar[str] = "Looks at the companies that the person works for."
    subjects: ClassVar[tuple[str, ...]] = ("person",)
    Config: ClassVar[type[Config]] = CompanyConfig
    inner: ClassVar[dict[str, str]] = {"person": "company"}
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "person",
            {
                "match": "any",
                "rule": {"test": "attribute", "name": "arr", "operator": "gte", "value": 1000},
            },
        ),
        Example("person", {"match": "none", "rule": {}}),
    )

    def sql(self, test: Test, scope: Scope) -> Sql:
        """Over memberships."""
        inner = test.inner or EVERYBODY
        return relation.quantified_sql(Quantifier(test.config.match), inner, scope, "company")

    def holds(self, test: Test, facts: Facts, at: datetime) -> bool:
        """Over the loaded companies."""
        quantifier = Quantifier(test.config.match)
        return relation.quantified_holds(quantifier, test.inner or EVERYBODY, facts.companies, at)

    def value(self, test: Test, facts: Facts, at: datetime) -> Any:
        """Each company and whether it matches."""
        return relation.quantified_value(test.inner or EVERYBODY, facts.companies, at)

    def needs(self, test: Test, subject: str) -> Needs:
        """What the nested rule needs of the companies."""
        return Needs(companies=needs_of(test.inner or EVERYBODY, "company"))

    def fact_keys(self, test: Test, subject: str) -> set[FactKey]:
        """Where they work; a company that appears or is merged away."""
        return {FactKey(subject, "membership")}

    def words(self, test: Test, subject: str, inner: str = "") -> str:
        """e.g. “at least one of their companies: ARR is at least 1,000”."""
        if test.inner == EVERYBODY:
            return {
                "any": "they work for a company",
                "all": "they work for a company",
                "none": "they work for no company",
            }[str(test.config.match)]
        whose = {
            "any": "at least one of their companies",
            "all": "every one of their companies",
            "none": "none of their companies",
        }[test.config.match]
        return f"{whose} matches: {inner}"
