"""What templates said when mails left: one immutable row per content."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from journeys.emails.render import content_digest
from journeys.models import EmailTemplateRevision


def revision_ids(contents: Mapping[int, dict[str, Any]], now: datetime) -> dict[int, int]:
    """Revision id of each template's present content; new ones are written. At most three
    queries, and two senders end with the same row."""
    digests = {template_id: content_digest(content) for template_id, content in contents.items()}
    found = _known(digests)
    missing = [template_id for template_id in sorted(digests) if template_id not in found]
    if missing:
        EmailTemplateRevision.objects.bulk_create(
            [
                EmailTemplateRevision(
                    template_id=template_id,
                    digest=digests[template_id],
                    content=contents[template_id],
                    first_used_at=now,
                )
                for template_id in missing
            ],
            ignore_conflicts=True,
        )
        found = _known(digests)
    return found


def _known(digests: Mapping[int, str]) -> dict[int, int]:
    rows = EmailTemplateRevision.objects.filter(
        template_id__in=digests, digest__in=digests.values()
    ).values_list("template_id", "digest", "pk")
    return {
        template_id: pk
        for template_id, digest, pk in rows.order_by()
        if digests[template_id] == digest
    }
