"""Whether a person can be written to: a panel of the person's snapshot."""

from datetime import datetime
from typing import Any

from csplatform.customers.models import Person
from journeys.models import ConsentChange, MailOptOut, MailTrouble


def mail_panel(person_id: int, user: Any, now: datetime) -> dict[str, Any]:
    """What they do not want, whether mails reach them, and how it came about."""
    email = Person.objects.filter(pk=person_id).values_list("email", flat=True).first()
    out_of = list(MailOptOut.objects.filter(person=person_id).select_related("category"))
    trouble = MailTrouble.objects.filter(address=(email or "").lower()).first()
    history = ConsentChange.objects.filter(person_id=person_id).select_related("by")
    return {
        "email": email,
        "everything": any(row.category_id is None for row in out_of),
        "out_of": [row for row in out_of if row.category_id is not None],
        "trouble": trouble,
        "history": list(history.order_by("-id")[:5]),
        "person_id": person_id,
        "may_change": user.has_perm("journeys.change_mailoptout"),
    }
