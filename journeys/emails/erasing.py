"""Mails of an erased person: what has not left stays here, what has is emptied."""

from django.db.models import Q

from csplatform.customers.hooks import Erasure
from csplatform.customers.operations.erase import emptied
from csplatform.kit import sql
from journeys.models import CapturedMail, Outbox
from journeys.models.outbox import OutboxState

UNSENT = (OutboxState.PENDING, OutboxState.DEAD)


def forget_mails(erasure: Erasure) -> None:
    """Cancel, empty, and delete what was captured. Test mails that were filled in with their data
    too."""
    wanted = Q(person_id__in=erasure.ids) | Q(payload__as_person__in=erasure.ids)
    rows = list(Outbox.objects.select_for_update().filter(wanted).order_by("pk"))
    ids = [row.pk for row in rows]
    Outbox.objects.filter(pk__in=ids, state__in=UNSENT).update(
        state=OutboxState.CANCELLED, worker=None
    )
    # A recipient's slot keeps the message unique; whose address it was is not kept.
    Outbox.objects.filter(pk__in=ids).update(**emptied(Outbox, keep=("slot", "payload")), error="")
    sql.run(
        "UPDATE journeys_outbox SET slot = CASE WHEN slot LIKE '%%@%%' THEN 'erased ' || id"
        "  ELSE slot END,"
        " payload = CASE WHEN payload ? 'template'"
        "  THEN jsonb_build_object('template', payload->'template') ELSE '{}' END"
        " WHERE id = ANY(%s)",
        [ids],
    )
    caught = Q(person_id__in=erasure.ids) | Q(outbox_id__in=ids)
    for address in erasure.addresses:
        caught |= Q(recipients__icontains=address)
    CapturedMail.objects.filter(caught).delete()
