"""Making engagements and editing their drafts. People see nothing of it before a launch."""

from datetime import datetime
from typing import Any

from django.db import transaction

from csplatform.kit import audit
from csplatform.kit.errors import Conflict, DomainError, Problem
from csplatform.kit.permissions import require
from engagements.inapp.content import dump_content, parse_content
from engagements.inapp.kind import engagement_kinds
from engagements.inapp.models import Engagement, TriggeredBy

SETTINGS = ("name", "triggered_by", "starts_at", "ends_at", "priority")


def create_engagement(
    name: str,
    *,
    kind: str,
    actor: Any,
    content: dict[str, Any] | None = None,
    starter: str = "",
    triggered_by: str = TriggeredBy.PROGRAM,
) -> Engagement:
    """A new draft, from `content` or from a starter of its kind (the first one by default).

    Raises DomainError with paths for bad content, NotAllowed.
    """
    require(actor, "engagements.add_engagement")
    if kind not in engagement_kinds:
        known = ", ".join(engagement_kinds.keys())
        raise DomainError(f"The kind is one of {known}.", path="/kind", code="kind")
    given = content if content is not None else _starter(kind, starter)
    draft = dump_content(parse_content(kind, given, "/content"))
    _check_settings({"name": name, "triggered_by": triggered_by})
    with transaction.atomic():
        engagement = Engagement.objects.create(
            name=name.strip(), kind=kind, draft=draft, triggered_by=triggered_by, created_by=actor
        )
        audit.record(actor, "engagement.add", engagement, after={"name": name, "kind": kind})
    return engagement


def _starter(kind: str, key: str) -> dict[str, Any]:
    starters = engagement_kinds.get(kind).starters
    return next((s.content for s in starters if s.key == key), starters[0].content)


def save_draft(
    engagement_id: int,
    *,
    content: dict[str, Any],
    revision: int,
    actor: Any,
    settings: dict[str, Any] | None = None,
) -> Engagement:
    """Store an edited draft, and settings (name, schedule, priority) that count at once.

    Args:
        revision: the draft's revision that was edited; Conflict if it has moved on since.
    """
    require(actor, "engagements.change_engagement")
    wanted = {name: value for name, value in (settings or {}).items() if name in SETTINGS}
    with transaction.atomic():
        engagement = lock(engagement_id)
        if engagement.draft_revision != revision:
            text = "Somebody else changed this engagement in the meantime: load it again."
            raise Conflict(text, code="stale")
        draft = dump_content(parse_content(engagement.kind, content, "/content"))
        before = {name: getattr(engagement, name) for name in wanted}
        _check_settings({name: getattr(engagement, name) for name in SETTINGS} | wanted)
        changed = {name: value for name, value in wanted.items() if before[name] != value}
        if draft == engagement.draft and not changed:
            return engagement
        for name, value in changed.items():
            setattr(engagement, name, value)
        after: dict[str, Any] = {name: _plain(value) for name, value in changed.items()}
        if draft != engagement.draft:
            after["draft"] = draft
        engagement.draft = draft
        engagement.draft_revision += 1
        engagement.save()
        audit.record(
            actor, "engagement.change", engagement,
            before={name: _plain(before[name]) for name in changed}, after=after,
        )  # fmt: skip
    return engagement


def delete_engagement(engagement_id: int, *, actor: Any) -> None:
    """Delete a draft that nobody was ever invited to; others are ended, not deleted."""
    require(actor, "engagements.delete_engagement")
    with transaction.atomic():
        engagement = lock(engagement_id)
        if engagement.release or engagement.program_links.exists():
            raise Conflict("It was launched or used in a program: end it instead.", code="used")
        audit.record(actor, "engagement.delete", engagement)
        engagement.delete()


def lock(engagement_id: int) -> Engagement:
    """The row, locked. Raises DomainError."""
    found = Engagement.objects.select_for_update().filter(pk=engagement_id).first()
    if found is None:
        raise DomainError("This engagement no longer exists.", code="gone")
    return found


def _check_settings(settings: dict[str, Any]) -> None:
    problems = []
    name = str(settings.get("name", "")).strip()
    if not name or len(name) > 200:
        problems.append(Problem("/name", "Give it a name of at most 200 characters.", "name"))
    if settings.get("triggered_by") not in TriggeredBy.values:
        problems.append(Problem("/triggered_by", "Choose who triggers it.", "triggered_by"))
    starts, ends = settings.get("starts_at"), settings.get("ends_at")
    if starts and ends and ends <= starts:
        problems.append(Problem("/ends_at", "The end must come after the start.", "schedule"))
    priority = settings.get("priority", 0)
    if not isinstance(priority, int) or abs(priority) > 1000:
        text = "The priority lies between -1000 and 1000."
        problems.append(Problem("/priority", text, "priority"))
    if problems:
        raise DomainError(problems)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
