"""Mails of two people who turned out to be one."""

from datetime import datetime

from csplatform.kit import sql


def repoint_mails(winner: int, loser: int, moment: datetime) -> None:
    """Give the loser's messages to the winner. Only `person_id` moves; safe to repeat."""
    for table in ("journeys_outbox", "journeys_attentionentry", "journeys_capturedmail"):
        sql.run(
            f"UPDATE {table} SET person_id = %s WHERE id IN"
            f" (SELECT id FROM {table} WHERE person_id = %s ORDER BY id FOR UPDATE)",
            [winner, loser],
        )
