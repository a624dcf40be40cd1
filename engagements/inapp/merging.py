"""Following a merge of people."""

from datetime import datetime

from csplatform.kit import sql


def follow_merge(winner_id: int, loser_id: int, moment: datetime) -> None:
    """Invitations and showings of the loser are the winner's. Only the person changes."""
    for table in ("invitation", "showing"):
        sql.run(
            f"UPDATE engagements_{table} SET person_id = %s WHERE person_id = %s",
            [winner_id, loser_id],
        )
