"""Companies' programs send nothing to people who are held out of all programs (PRG-28).

In programs for people the entry decides that; a company that takes part may have such people.
"""

from collections.abc import Mapping, Sequence

from csplatform.kit import sql
from journeys.emails.message import Message
from journeys.emails.sending_checks import Cancel, Verdict
from journeys.engine.candidates import global_percent, place_sql

REASON = "The person is in the global hold-out, and the program is not operational."


def check_hold_out(messages: Sequence[Message]) -> Mapping[int, Verdict]:
    """Cancels what a company's run would send to somebody held out."""
    asked = [m for m in messages if m.participant_id and m.person_id and not m.is_test]
    percent = global_percent() if asked else 0
    if not percent:
        return {}
    place = place_sql("'person'")
    rows = sql.rows(
        "SELECT m.id FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[])"
        " AS m (id, participant, person) JOIN customers_person s ON s.id = m.person"
        " JOIN journeys_participant p ON p.id = m.participant AND p.company_id IS NOT NULL"
        " JOIN journeys_programversion v ON v.id = p.version_id"
        f" WHERE {place} < %s"
        " AND coalesce((v.document #>> '{control,operational}')::boolean, false) = false",
        [
            [m.id for m in asked], [m.participant_id for m in asked],
            [m.person_id for m in asked], round(percent * 100),
        ],
    )  # fmt: skip
    return {row[0]: Cancel(REASON) for row in rows}
