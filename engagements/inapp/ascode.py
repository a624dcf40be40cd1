"""Engagements as code: the draft that is being edited, and the settings."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal

from django.utils.dateparse import parse_datetime
from pydantic import Field

from csplatform.ascode.kind import ExportKind, Fields
from csplatform.kit.errors import DomainError, Problem
from engagements.inapp.content import dump_content, parse_content
from engagements.inapp.kind import engagement_kinds
from engagements.inapp.models import Engagement, EngagementState
from engagements.inapp.operations.drafts import create_engagement, save_draft
from engagements.inapp.operations.life import launch_engagement, launch_problems


class EngagementFields(Fields):
    """What an engagement is. `launched` counts when it is made: launching an edited draft of one
    that is there stays a decision of its own."""

    type: str = Field(title="Kind")
    triggered_by: Literal["program", "automatic"] = Field(default="program", title="Triggered by")
    launched: bool = Field(default=False, title="Launched")
    starts_at: str | None = Field(default=None, title="Starts")
    ends_at: str | None = Field(default=None, title="Ends")
    priority: int = Field(default=0, title="Priority")
    content: dict[str, Any] = Field(default={"blocks": []}, title="Content")


class EngagementExport(ExportKind):
    """An engagement with its content."""

    key: ClassVar[str] = "engagement"
    label: ClassVar[str] = "engagement"
    model: ClassVar[Any] = Engagement
    Document: ClassVar[type[Fields]] = EngagementFields

    def document(self, row: Engagement) -> dict[str, Any]:
        """The draft; times as ISO text."""
        return {
            "type": row.kind,
            "triggered_by": row.triggered_by,
            "launched": row.state == EngagementState.LAUNCHED,
            "starts_at": _text(row.starts_at),
            "ends_at": _text(row.ends_at),
            "priority": row.priority,
            "content": _content(row),
        }

    def normal(self, data: dict[str, Any]) -> dict[str, Any]:
        """Content in its stored form; its kind decides what belongs in it."""
        if data["type"] not in engagement_kinds:
            known = ", ".join(engagement_kinds.keys())
            raise DomainError(f"The type is one of {known}.", path="/type", code="kind")
        content = dump_content(parse_content(data["type"], data["content"], "/content"))
        times = {name: _text(_moment(data[name], name)) for name in ("starts_at", "ends_at")}
        return {**data, **times, "content": content}

    def comparable(self, data: dict[str, Any], row: Engagement) -> dict[str, Any]:
        """Being launched is not part of the draft."""
        return {**data, "launched": row.state == EngagementState.LAUNCHED}

    def create(self, name: str, data: dict[str, Any], actor: Any) -> Engagement:
        """A draft, with its schedule; launched if the document says so."""
        made = create_engagement(
            name, kind=data["type"], content=data["content"], triggered_by=data["triggered_by"],
            actor=actor,
        )  # fmt: skip
        made = save_draft(
            made.pk, content=data["content"], revision=made.draft_revision, actor=actor,
            settings=_settings(data),
        )  # fmt: skip
        return launch_engagement(made.pk, actor=actor) if data["launched"] else made

    def change(self, row: Engagement, data: dict[str, Any], actor: Any) -> None:
        """The draft, and the settings that count at once."""
        if data["type"] != row.kind:
            text = f"This is a {row.kind} for ever: make another engagement."
            raise DomainError(text, path="/type", code="fixed")
        save_draft(
            row.pk, content=data["content"], revision=row.draft_revision, actor=actor,
            settings=_settings(data),
        )  # fmt: skip

    def remarks(self, row: Engagement) -> list[Problem]:
        """What stands against a launch does not stand against a draft."""
        found = [replace(p, level="warning") for p in launch_problems(row)]
        if row.state == EngagementState.LAUNCHED and row.content != row.draft:
            text = "People see this only after “Save and relaunch”."
            found.append(Problem("", text, "relaunch", "warning"))
        return found


def _content(row: Engagement) -> dict[str, Any]:
    """The draft with its keys in order; as it is stored if it cannot be read (any more)."""
    if row.kind not in engagement_kinds:
        return row.draft
    try:
        return dump_content(parse_content(row.kind, row.draft))
    except DomainError:
        return row.draft


def _settings(data: dict[str, Any]) -> dict[str, Any]:
    return {
        "triggered_by": data["triggered_by"],
        "priority": data["priority"],
        "starts_at": _moment(data["starts_at"], "starts_at"),
        "ends_at": _moment(data["ends_at"], "ends_at"),
    }


def _moment(text: str | None, name: str) -> datetime | None:
    """In UTC, as it comes back from the database: one moment is one text."""
    if text is None:
        return None
    try:
        found = parse_datetime(text)
        if found is not None and found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    example = "Give a time with its zone, e.g. 2027-01-31T09:00:00+00:00."
    raise DomainError(example, path=f"/{name}", code="time")


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
