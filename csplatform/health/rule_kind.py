"""The test of a company's health."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

from pydantic import Field

from csplatform.health.computing import FACT
from csplatform.kit import sql
from csplatform.kit.schema import Config
from csplatform.rules.facts import Facts, Needs
from csplatform.rules.flips import Whom
from csplatform.rules.kind import Example, FactKey, RuleKind
from csplatform.rules.scope import Scope
from csplatform.rules.sqltext import Sql, negated
from csplatform.rules.tree import Test

SOURCE = "health"
NEGATED = ("unknown",)


class HealthTestConfig(Config):
    """What of it is asked."""

    operator: Literal["good", "neutral", "poor", "at_least", "below", "fell", "unknown"] = Field(
        "poor",
        title="Is",
        json_schema_extra={
            "labels": {
                "good": "good", "neutral": "neutral", "poor": "poor", "at_least": "at least",
                "below": "below", "fell": "fallen by at least", "unknown": "not known",
            }
        },
    )  # fmt: skip
    points: int = Field(
        50, ge=0, le=100, title="Points",
        json_schema_extra={"only_if": "operator=at_least|below|fell"},
    )  # fmt: skip
    days: int = Field(
        7, ge=1, le=730, title="In the last … days", json_schema_extra={"only_if": "operator=fell"}
    )


class HealthTest(RuleKind):
    """How healthy a company is: its word, its score, or whether it has fallen.

    A company without a score is “not known”, and nothing else. “Fallen” compares the score with
    the highest one of the last days.
    """

    key: ClassVar[str] = "health"
    label: ClassVar[str] = "Health"
    group: ClassVar[str] = "How they do"
    help: ClassVar[str] = "The health score of the company."
    subjects: ClassVar[tuple[str, ...]] = ("company",)
    Config: ClassVar[type[Config]] = HealthTestConfig
    examples: ClassVar[tuple[Example, ...]] = (
        Example("company", {"operator": "poor"}),
        Example("company", {"operator": "at_least", "points": 60}),
        Example("company", {"operator": "fell", "points": 20, "days": 14}),
        Example("company", {"operator": "unknown"}),
    )

    def sql(self, test: Test, scope: Scope) -> Sql:
        """A look at the score; at its history for a fall."""
        config: HealthTestConfig = test.config
        own = f"h.company_id = {scope.alias}.id AND h.score IS NOT NULL"
        known = "EXISTS (SELECT 1 FROM health_healthscore h WHERE " + own
        if config.operator == "unknown":
            return negated(Sql(f"{known})"))
        if config.operator in ("good", "neutral", "poor"):
            return Sql(f"{known} AND h.label = %s)", (config.operator,))
        if config.operator in ("at_least", "below"):
            sign = ">=" if config.operator == "at_least" else "<"
            return Sql(f"{known} AND h.score {sign} %s)", (config.points,))
        since = scope.at - timedelta(days=config.days)
        highest = (
            "SELECT max(greatest(k.score, k.previous)) FROM health_healthchange k"
            f" WHERE k.company_id = {scope.alias}.id AND k.at > %s AND k.at <= %s"
        )
        return Sql(f"{known} AND ({highest}) - h.score >= %s)", (since, scope.at, config.points))

    def holds(self, test: Test, facts: Facts, at: datetime) -> bool:
        """The same from what was loaded."""
        config: HealthTestConfig = test.config
        told = _told(facts)
        score = told.get("score")
        if score is None:
            return config.operator == "unknown"
        if config.operator == "unknown":
            return False
        if config.operator in ("good", "neutral", "poor"):
            return bool(told["label"] == config.operator)
        if config.operator in ("at_least", "below"):
            return bool((score >= config.points) == (config.operator == "at_least"))
        since = at - timedelta(days=config.days)
        seen = [
            value
            for moment, now, before in told["changes"]
            if since < moment <= at
            for value in (now, before)
            if value is not None
        ]
        return bool(seen) and max(seen) - score >= config.points

    def value(self, test: Test, facts: Facts, at: datetime) -> Any:
        """The score and its word."""
        told = _told(facts)
        return None if told.get("score") is None else f"{told['score']} ({told['label']})"

    def needs(self, test: Test, subject: str) -> Needs:
        """Score and changes."""
        return Needs(extra=frozenset({(SOURCE, 0)}))

    def fact_keys(self, test: Test, subject: str) -> set[FactKey]:
        """The score."""
        return {FactKey("company", FACT)}

    def words(self, test: Test, subject: str, inner: str = "") -> str:
        """e.g. “health is below 40”."""
        config: HealthTestConfig = test.config
        if config.operator == "fell":
            return f"health fell by at least {config.points} in the last {config.days:,} days"
        if config.operator == "unknown":
            return "health is not known"
        if config.operator in ("at_least", "below"):
            return f"health is {config.operator.replace('_', ' ')} {config.points}"
        return f"health is {config.operator}"

    def time_dependent(self, test: Test) -> bool:
        """A fall leaves the window by time alone."""
        return bool(test.config.operator == "fell")

    def flips(self, test: Test, subject: str, at: datetime, whom: Whom) -> list[Sql]:
        """When the first of the changes leaves the window."""
        if not self.time_dependent(test):
            return []
        who, days = whom.among("k.company_id"), test.config.days
        return [
            Sql(
                "SELECT k.company_id AS id, min(k.at) + make_interval(days => %s) AS due"
                f" FROM health_healthchange k WHERE {who.text} AND k.at > %s AND k.at <= %s"
                " GROUP BY k.company_id",
                (days, *who.params, at - timedelta(days=days), at),
            )
        ]


def _told(facts: Facts) -> dict[str, Any]:
    found: dict[str, Any] = facts.extra.get((SOURCE, 0)) or {}
    return found


def health_of(
    subject: str, ids: Collection[int], owns: Collection[Any], moment: datetime | None
) -> dict[tuple[Any, int], Any]:
    """Score, word and changes of companies, now or as known at a moment: a source of facts."""
    if subject != "company":
        return {}
    changes: dict[int, list[tuple[datetime, int | None, int | None]]] = {i: [] for i in ids}
    last: dict[int, tuple[int | None, str]] = {}
    for company, at, score, previous, label in sql.rows(
        "SELECT company_id, at, score, previous, label FROM health_healthchange"
        " WHERE company_id = ANY(%s) AND (%s::timestamptz IS NULL OR at <= %s) ORDER BY id",
        [list(ids), moment, moment],
    ):
        changes[company].append((at, score, previous))
        last[company] = (score, label)
    if moment is None:
        last = {
            company: (score, label)
            for company, score, label in sql.rows(
                "SELECT company_id, score, label FROM health_healthscore"
                " WHERE company_id = ANY(%s)",
                [list(ids)],
            )
        }
    return {
        (0, company): {"score": score, "label": label, "changes": changes[company]}
        for company, (score, label) in last.items()
    }
