"""Invitations and showings of an erased person."""

from csplatform.customers.hooks import Erasure
from csplatform.customers.operations.erase import emptied
from csplatform.kit import sql
from engagements.inapp.models import Showing


def forget_invitations(erasure: Erasure) -> None:
    """Nothing is shown to them any more; where they saw it is not kept."""
    ids = list(erasure.ids)
    sql.run(
        "UPDATE engagements_invitation SET state = 'withdrawn', closed_at = %s, reason = 'erased'"
        " WHERE id IN (SELECT id FROM engagements_invitation WHERE person_id = ANY(%s)"
        "  AND state IN ('open', 'viewed') ORDER BY id FOR UPDATE)",
        [erasure.moment, ids],
    )
    Showing.objects.filter(person__in=ids).update(**emptied(Showing))
