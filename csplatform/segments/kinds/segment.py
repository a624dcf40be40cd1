"""The test “in segment”."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

from pydantic import Field

from csplatform.kit import sql
from csplatform.kit.errors import Problem
from csplatform.kit.schema import Config
from csplatform.rules.facts import Facts, Needs
from csplatform.rules.flips import Whom
from csplatform.rules.kind import Example, FactKey, Known, RuleKind
from csplatform.rules.operators import MAX_DAYS
from csplatform.rules.scope import Scope
from csplatform.rules.sqltext import Sql, negated
from csplatform.rules.tree import Test
from csplatform.segments.models import Segment


class SegmentConfig(Config):
    """Which segment, and whether in or out."""

    operator: Literal["in", "not_in", "entered", "left"] = Field(
        "in",
        title="Is",
        json_schema_extra={
            "labels": {
                "in": "in",
                "not_in": "not in",
                "entered": "has entered, in the last days,",
                "left": "has left, in the last days,",
            }
        },
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
    days: int = Field(
        30,
        ge=1,
        le=MAX_DAYS,
        title="Days",
        json_schema_extra={"only_if": "operator=entered|left"},
    )


class SegmentTest(RuleKind):
    """Whether somebody is in a segment now, or entered or left it in the last days.

    Nobody is in a segment that is gone, and nobody has entered or left it. Who entered and left
    again has done both.
    """

    key: ClassVar[str] = "segment"
    label: ClassVar[str] = "Segment"
    group: ClassVar[str] = "Who they are"
    help: ClassVar[str] = "Is, or is not, in another segment."
    Config: ClassVar[type[Config]] = SegmentConfig
    examples: ClassVar[tuple[Example, ...]] = (
        Example("person", {"segment": 1}),
        Example("company", {"segment": 2, "operator": "not_in"}),
        Example("person", {"segment": 1, "operator": "left", "days": 7}),
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
        """A look into the members, or into who came and went."""
        if test.config.operator in HISTORY:
            return Sql(
                "EXISTS (SELECT 1 FROM segments_memberchange g WHERE g.segment_id = %s"
                f" AND g.subject_id = {scope.alias}.id AND g.entered = %s"
                " AND g.occurred_at > %s AND g.occurred_at <= %s)",
                (_own(test), test.config.operator == "entered", _since(test, scope.at), scope.at),
            )
        inside = Sql(
            "EXISTS (SELECT 1 FROM segments_member g"
            f" WHERE g.segment_id = %s AND g.subject_id = {scope.alias}.id)",
            (_own(test),),
        )
        return negated(inside) if test.config.operator == "not_in" else inside

    def holds(self, test: Test, facts: Facts, at: datetime) -> bool:
        """From the loaded memberships or changes."""
        if test.config.operator in HISTORY:
            return any(
                entered == (test.config.operator == "entered") and _since(test, at) < moment <= at
                for entered, moment in facts.extra.get(("segment.changes", _own(test))) or []
            )
        inside = bool(facts.extra.get(("segment", _own(test)), False))
        return inside != (test.config.operator == "not_in")

    def value(self, test: Test, facts: Facts, at: datetime) -> Any:
        """Whether they are in it, or when they last came or went."""
        if test.config.operator in HISTORY:
            changes = facts.extra.get(("segment.changes", _own(test))) or []
            wanted = test.config.operator == "entered"
            moments = [moment for entered, moment in changes if entered == wanted]
            return max(moments).isoformat() if moments else None
        return bool(facts.extra.get(("segment", _own(test)), False))

    def needs(self, test: Test, subject: str) -> Needs:
        """The membership or its history."""
        source = "segment.changes" if test.config.operator in HISTORY else "segment"
        return Needs(extra=frozenset({(source, _own(test))}))

    def fact_keys(self, test: Test, subject: str) -> set[FactKey]:
        """The membership."""
        return {FactKey(subject, f"segment.{test.config.segment}")}

    def words(self, test: Test, subject: str, inner: str = "") -> str:
        """e.g. “is in segment “Champions””."""
        name = f"“{test.bound}”" if test.bound else "that is no longer there"
        if test.config.operator in HISTORY:
            days = "day" if test.config.days == 1 else f"{test.config.days:,} days"
            return f"{test.config.operator} segment {name} in the last {days}"
        return f"is {'not ' if test.config.operator == 'not_in' else ''}in segment {name}"

    def references(self, test: Test) -> set[tuple[str, Any]]:
        """The segment."""
        return {("segment", test.config.segment)}

    def time_dependent(self, test: Test) -> bool:
        """A coming or going leaves the last days."""
        return test.config.operator in HISTORY

    def flips(self, test: Test, subject: str, at: datetime, whom: Whom) -> list[Sql]:
        """When the next one does."""
        if test.config.operator not in HISTORY:
            return []
        who = whom.among("g.subject_id")
        return [
            Sql(
                "SELECT g.subject_id AS id, g.occurred_at + make_interval(days => %s) AS due"
                f" FROM segments_memberchange g WHERE {who.text} AND g.segment_id = %s"
                " AND g.entered = %s AND g.occurred_at > %s",
                (test.config.days, *who.params, _own(test), test.config.operator == "entered",
                 _since(test, at)),
            )
        ]  # fmt: skip


HISTORY = ("entered", "left")


def _since(test: Test, at: datetime) -> datetime:
    return at - timedelta(days=test.config.days)


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


def changes_of(
    subject: str, ids: Collection[int], owns: Collection[Any], moment: datetime | None
) -> dict[tuple[Any, int], Any]:
    """(entered, when) of all comings and goings, up to a moment if one is given: a source of
    facts."""
    found: dict[tuple[Any, int], Any] = defaultdict(list)
    for segment_id, subject_id, entered, at in sql.rows(
        "SELECT segment_id, subject_id, entered, occurred_at FROM segments_memberchange"
        " WHERE segment_id = ANY(%(own)s::bigint[]) AND subject_id = ANY(%(ids)s::bigint[])"
        " AND (%(moment)s::timestamptz IS NULL OR recorded_at <= %(moment)s) ORDER BY id",
        {"own": list(owns), "ids": list(ids), "moment": moment},
    ):
        found[segment_id, subject_id].append((entered, at))
    return found


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
