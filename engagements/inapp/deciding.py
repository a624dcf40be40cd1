"""What is due for a person on this page: one winner among the open invitations (ENG-06)."""

import json
import logging
from typing import Any

from csplatform.kit import sql
from csplatform.kit.errors import DomainError
from csplatform.kit.registry import UnknownKind
from engagements.inapp import tickets
from engagements.inapp.active import ACTIVE_SQL
from engagements.inapp.content import filled_in, parse_content
from engagements.tracker.contract import Look
from journeys.emails.context import Recipient, load_values

log = logging.getLogger(__name__)

# A few, so that one whose content cannot be read does not stand before the others.
_DUE = f"""
SELECT i.id, i.participant_id, i.program_id, e.id, e.kind, e.content::text, e.release
FROM engagements_invitation i
JOIN engagements_engagement e ON e.id = i.engagement_id
JOIN journeys_participant p ON p.id = i.participant_id AND p.state <> 'removed'
WHERE i.person_id = %(person)s AND i.state = 'open' AND {ACTIVE_SQL}
ORDER BY e.priority DESC, i.id LIMIT 5
"""


def decide(look: Look) -> dict[str, Any] | None:
    """The showing that the browser is to make, or None. Constant number of queries.

    Participants that were taken out of their program see nothing more.
    """
    due = sql.rows(_DUE, {"person": look.person_id, "now": look.now})
    for invitation_id, participant_id, program_id, engagement_id, kind, raw, release in due:
        try:
            content = parse_content(kind, json.loads(raw))
        except (DomainError, UnknownKind):
            log.exception("engagement cannot be shown", extra={"engagement": engagement_id})
            continue
        who = Recipient(look.person_id, look.visitor.company_id, participant_id, program_id)
        return {
            "ticket": tickets.issue(invitation_id, engagement_id, release, look.visitor.id),
            "renderer": content.kind.renderer,
            "content": filled_in(content, load_values([who])[0] if content.has_tokens else {}),
        }
    return None
