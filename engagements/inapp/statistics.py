"""How many were invited, viewed, completed: participants, not showings (ENG-07)."""

from collections.abc import Iterable
from dataclasses import dataclass

from csplatform.kit import sql


@dataclass(frozen=True, slots=True)
class Counts:
    """Invitations of an engagement by how far they got. Completed and dismissed were viewed."""

    invited: int = 0
    viewed: int = 0
    completed: int = 0
    dismissed: int = 0
    failed: int = 0
    withdrawn: int = 0

    @property
    def not_viewed(self) -> int:
        """Who could have seen it and did not yet."""
        return self.invited - self.viewed - self.failed - self.withdrawn


def counts_of(engagement_ids: Iterable[int]) -> dict[int, Counts]:
    """Counts by engagement id, one query; without an entry there is nothing to count."""
    found = sql.rows(
        "SELECT engagement_id, count(*), count(viewed_at), count(completed_at),"
        " count(*) FILTER (WHERE state = 'dismissed'), count(*) FILTER (WHERE state = 'failed'),"
        " count(*) FILTER (WHERE state = 'withdrawn' AND viewed_at IS NULL)"
        " FROM engagements_invitation WHERE engagement_id = ANY(%s) GROUP BY 1",
        [list(engagement_ids)],
    )
    return {row[0]: Counts(*row[1:]) for row in found}
