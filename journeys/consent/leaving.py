"""Consent of people who are merged or erased."""

from datetime import datetime

from csplatform.customers.hooks import Erasure
from csplatform.kit import sql
from journeys.models import ConsentChange, MailOptOut, MailTrouble


def repoint_consent(winner: int, loser: int, moment: datetime) -> None:
    """What either of them did not want, the winner does not want."""
    both = {"winner": winner, "loser": loser, "moment": moment}
    sql.run(
        "INSERT INTO journeys_consentchange (person_id, category_id, category_name, opted_out,"
        "  source, at) SELECT %(winner)s, o.category_id, coalesce(k.name, ''), true, 'merge',"
        "  %(moment)s FROM journeys_mailoptout o LEFT JOIN journeys_mailcategory k"
        "  ON k.id = o.category_id WHERE o.person_id = %(loser)s AND NOT EXISTS (SELECT"
        "  FROM journeys_mailoptout w WHERE w.person_id = %(winner)s"
        "  AND w.category_id IS NOT DISTINCT FROM o.category_id) ORDER BY o.id",
        both,
    )
    sql.run(
        "INSERT INTO journeys_mailoptout (person_id, category_id, source, at)"
        " SELECT %(winner)s, category_id, source, at FROM journeys_mailoptout"
        " WHERE person_id = %(loser)s ORDER BY id ON CONFLICT DO NOTHING",
        both,
    )
    sql.run("DELETE FROM journeys_mailoptout WHERE person_id = %(loser)s", both)


def forget_consent(erasure: Erasure) -> None:
    """Nothing is left to unsubscribe from; the address itself stays suppressed as a hash."""
    MailOptOut.objects.filter(person__in=erasure.ids).delete()
    ConsentChange.objects.filter(person_id__in=erasure.ids).delete()
    MailTrouble.objects.filter(address__in=erasure.addresses).delete()
