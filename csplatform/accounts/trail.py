"""The audit trail's sink."""

from typing import Any

from csplatform.accounts.models import AuditEntry, User


def store_entry(
    actor: Any, verb: str, subject: Any, before: dict[str, Any], after: dict[str, Any]
) -> None:
    """Write one AuditEntry in the caller's transaction."""
    user = actor if isinstance(actor, User) else None
    AuditEntry.objects.create(
        actor=user,
        actor_label=str(actor) if actor is not None else "system",
        verb=verb,
        subject_type=subject._meta.label_lower,
        subject_id=str(subject.pk),
        subject_label=str(subject)[:200],
        before=before,
        after=after,
    )
