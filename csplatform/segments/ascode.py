"""Segments as code. Members of a static list are data, not configuration: they stay."""

from collections.abc import Collection, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field

from csplatform.ascode.kind import ExportKind, Fields
from csplatform.kit.errors import DomainError
from csplatform.rules.parse import dump, parse_rule
from csplatform.segments.models import Kind, Segment
from csplatform.segments.operations.definition import SegmentInput, save_segment


class SegmentFields(Fields):
    """What a segment is."""

    description: str = Field(default="", title="Description")
    subject: Literal["person", "company"] = Field(default="person", title="Of")
    membership: Literal["dynamic", "static"] = Field(default="dynamic", title="Membership")
    rule: dict[str, Any] = Field(default={}, title="Rule", json_schema_extra={"widget": "rule"})


class SegmentKind(ExportKind):
    """A segment with its rule."""

    key: ClassVar[str] = "segment"
    label: ClassVar[str] = "segment"
    model: ClassVar[Any] = Segment
    Document: ClassVar[type[Fields]] = SegmentFields
    subject_field: ClassVar[str] = "subject"

    def rows(self, names: Collection[str]) -> Sequence[Segment]:
        """Not those that belong to a program."""
        return list(Segment.objects.listed().filter(name__in=names).order_by("pk"))

    def document(self, row: Segment) -> dict[str, Any]:
        """As stored; `kind` is the document's own word."""
        return {
            "description": row.description,
            "subject": row.subject,
            "membership": row.kind,
            "rule": row.rule,
        }

    def normal(self, data: dict[str, Any]) -> dict[str, Any]:
        """The rule in its stored form."""
        rule = {}
        if data["membership"] == Kind.DYNAMIC:
            rule = dump(parse_rule(data["rule"], data["subject"], "/rule"))
        elif data["rule"]:
            raise DomainError("A static list has no rule: take it out.", path="/rule")
        return {**data, "description": data["description"].strip(), "rule": rule}

    def create(self, name: str, data: dict[str, Any], actor: Any) -> Segment:
        """Through the operation, which asks for a recompute."""
        return save_segment(_input(name, data), actor=actor)

    def change(self, row: Segment, data: dict[str, Any], actor: Any) -> None:
        """The same; whom it holds and how is settled."""
        for word, now in (("subject", row.subject), ("membership", row.kind)):
            if data[word] != now:
                text = f"This is “{now}” for ever, others rely on it: make another segment."
                raise DomainError(text, path=f"/{word}", code="fixed")
        save_segment(_input(row.name, data), actor=actor, segment_id=row.pk)


def _input(name: str, data: dict[str, Any]) -> SegmentInput:
    return SegmentInput(
        name, data["description"], data["subject"], data["membership"], data["rule"]
    )
