"""The test “in segment”."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import Field

from csplatform.kit import sql
from csplatform.kit.errors import Problem
from csplatform.kit.schema import Config
from csplatform.rules.facts import Facts, Needs
from csplatform.rules.kind import Example, FactKey, Known, RuleKind
from csplatform.rules.scope import Scope
from csplatform.rules.sqltext import Sql, negated
from csplatform.rules.tree import Test
from csplatform.segments.models import Segment


class SegmentConfig(Config):
    """Which segment, and whether in or out."""

    operator: Literal["in", "not_in"] = Field(
        "in", title="Is", json_schema_extra={"labels": {"in": "in", "not_in": "not in"}}
    )
    segment: int = Field(
        title="Segment",
        ge=1,
        le=2**63 - 1,
        json_schema_extra={
            "widget": "select",
            "options": "segments.names",
            "reference": "segment",
        },
    )


class SegmentTest(RuleKind):
    """Whether somebody is in a segment now. Nobody is in a segment that is gone."""

    key: ClassVar[str] = "segment"
    label: ClassVar[str] = "Segment"
    group: ClassVar[str] = "Who they are"
    help: ClassVar[str] = "Is, or is not, in another segment."
    Config: ClassVar[type[Config]] = SegmentConfig
    examples: ClassVar[tuple[Example, ...]] = (
        Example("person", {"segment": 1}),
        Example("company", {"segment": 2, "operator": "not_in"}),
    )

    def check(self, config: SegmentConfig, subject: str, known: Known, path: str) -> list[Problem]:
        """The segment must be there and hold the rule's subject."""
        if config.segment in _names(subject, known):
            return []
        whom = "people" if subject == "person" else "companies"
        message = f"There is no such segment of {whom}; choose one of the list."
        return [Problem(f"{path}/segment", message, "unknown")]

    def bind(self, config: SegmentConfig, subject: str, known: Known) -> str | None:
        """The segment's name."""
        return _names(subject, known).get(config.segment)

    def sql(self, test: Test, scope: Scope) -> Sql:
        """A look into the members."""
        inside = Sql(
            "EXISTS (SELECT 1 FROM segments_member g"
            f" WHERE g.segment_id = %s AND g.subject_id = {scope.alias}.id)",
            (_own(test),),
        )
        return negated(inside) if test.config.operator == "not_in" else inside

    def holds(self, test: Test, facts: Facts, at: datetime) -> bool:
        """From the loaded memberships."""
        inside = bool(facts.extra.get(("segment", _own(test)), False))
        return inside != (test.config.operator == "not_in")

    def value(self, test: Test, facts: Facts, at: datetime) -> Any:
        """Whether they are in it."""
        return bool(facts.extra.get(("segment", _own(test)), False))

    def needs(self, test: Test, subject: str) -> Needs:
        """The membership."""
        return Needs(extra=frozenset({("segment", _own(test))}))

    def fact_keys(self, test: Test, subject: str) -> set[FactKey]:
        """The membership."""
        return {FactKey(subject, f"segment.{test.config.segment}")}

    def words(self, test: Test, subject: str, inner: str = "") -> str:
        """e.g. “is in segment “Champions””."""
        name = f"“{test.bound}”" if test.bound else "that is no longer there"
        return f"is {'not ' if test.config.operator == 'not_in' else ''}in segment {name}"

    def references(self, test: Test) -> set[tuple[str, Any]]:
        """The segment."""
        return {("segment", test.config.segment)}


def _own(test: Test) -> int:
    """The segment's id; 0, which nobody is in, for one of the other subject's ids or none."""
    return int(test.config.segment) if test.bound is not None else 0


def _names(subject: str, known: Known) -> dict[int, str]:
    found: dict[int, str] = known.lookup(
        f"segments.{subject}",
        lambda: dict(Segment.objects.of(subject).values_list("pk", "name")),
    )
    return found


def segment_names(subject: str) -> list[tuple[str, str]]:
    """Options of the builder's list."""
    rows = Segment.objects.of(subject).listed().values_list("pk", "name")
    return [(str(pk), name) for pk, name in rows]


def members_of(
    subject: str, ids: Collection[int], owns: Collection[int], moment: datetime | None
) -> set[tuple[int, int]]:
    """(segment, subject id) of memberships, now or as known at a moment: a source of facts."""
    asked = [list(owns), list(ids)]
    pairs = set(
        sql.rows(
            "SELECT segment_id, subject_id FROM segments_member"
            " WHERE segment_id = ANY(%s::bigint[]) AND subject_id = ANY(%s::bigint[])",
            asked,
        )
    )
    if moment is not None:
        later = sql.rows(
            "SELECT DISTINCT ON (segment_id, subject_id) segment_id, subject_id, entered"
            " FROM segments_memberchange WHERE segment_id = ANY(%s::bigint[])"
            " AND subject_id = ANY(%s::bigint[]) AND recorded_at > %s"
            " ORDER BY segment_id, subject_id, id",
            [*asked, moment],
        )
        for segment_id, subject_id, entered in later:
            (pairs.discard if entered else pairs.add)((segment_id, subject_id))
    return pairs
