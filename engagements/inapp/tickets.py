"""A ticket lets a browser report on one showing, and on nothing else."""

from dataclasses import dataclass
from uuid import UUID, uuid4

from csplatform.kit.tokens import BadToken, make_token, read_token

PURPOSE = "showing"
# As far back as events are accepted.
MAX_AGE_SECONDS = 31 * 86400


@dataclass(frozen=True)
class Ticket:
    """One execution: what is shown to whom, where. Signed, so it cannot be made up."""

    execution: UUID
    invitation_id: int
    engagement_id: int
    release: int
    visitor_id: int


def issue(invitation_id: int, engagement_id: int, release: int, visitor_id: int) -> str:
    """A new execution's ticket."""
    parts = [uuid4().hex, invitation_id, engagement_id, release, visitor_id]
    return make_token(PURPOSE, parts)


def redeem(text: str) -> Ticket:
    """The ticket behind a text. Raises BadToken."""
    parts = read_token(PURPOSE, text, max_age_seconds=MAX_AGE_SECONDS)
    try:
        execution, *ids = parts
        return Ticket(UUID(execution), *ids)
    except (TypeError, ValueError) as error:
        raise BadToken(str(error)) from None
