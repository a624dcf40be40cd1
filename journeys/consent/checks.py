"""May this person be written to? At the door of a program, and when a mail leaves."""

from collections.abc import Sequence

from csplatform.customers.models import Person, SuppressedAddress
from csplatform.customers.operations.erase import address_digest
from journeys.emails.message import Message
from journeys.emails.sending_checks import Cancel
from journeys.models import EmailTemplate, MailOptOut, MailTrouble
from journeys.models.consent import TroubleReason
from journeys.steps.kind import Requirement

BOUNCED = Requirement(
    "bounced",
    "Mails to the address do not arrive, or are not wanted; see Suppressed addresses.",
    "NOT EXISTS (SELECT FROM journeys_mailtrouble b WHERE b.address = lower(s.email)"
    " AND b.blocked_at IS NOT NULL)",
)


def not_unsubscribed(template_id: int) -> Requirement:
    """They have not unsubscribed from everything, or the mail is operational."""
    return Requirement(
        "unsubscribed",
        "Unsubscribed from all mail.",
        "(NOT EXISTS (SELECT FROM journeys_mailoptout o WHERE o.person_id = s.id"
        " AND o.category_id IS NULL)"
        " OR EXISTS (SELECT FROM journeys_emailtemplate t JOIN journeys_mailcategory k"
        f"  ON k.id = t.category_id AND k.is_operational WHERE t.id = {template_id:d}))",
    )


def check_consent(messages: Sequence[Message]) -> dict[int, Cancel]:
    """Asked once more at the moment of sending: what was unsubscribed or suppressed since."""
    mails = [m for m in messages if not m.is_test and m.person_id]
    categories = _categories(mails)
    out_of = set(
        MailOptOut.objects.filter(person__in={m.person_id for m in mails})
        .order_by()
        .values_list("person_id", "category_id")
    )
    blocked = _blocked({m.person_id for m in mails if m.person_id})
    found: dict[int, Cancel] = {}
    for mail in mails:
        assert mail.person_id is not None
        template = mail.payload.get("template")
        category, name, operational = categories.get(template or 0, (None, "", False))
        if reason := blocked.get(mail.person_id):
            found[mail.id] = Cancel(reason)
        elif operational:
            continue
        elif (mail.person_id, None) in out_of:
            found[mail.id] = Cancel("Unsubscribed from all mail.")
        elif category is not None and (mail.person_id, category) in out_of:
            found[mail.id] = Cancel(f"Unsubscribed from “{name}”.")
    return found


def _categories(mails: Sequence[Message]) -> dict[int, tuple[int | None, str, bool]]:
    """(category, its name, operational) by template."""
    named = {m.payload.get("template") for m in mails}
    rows = EmailTemplate.objects.filter(pk__in={t for t in named if isinstance(t, int)})
    return {
        pk: (category, name or "", bool(operational))
        for pk, category, name, operational in rows.order_by().values_list(
            "pk", "category_id", "category__name", "category__is_operational"
        )
    }


def _blocked(person_ids: set[int]) -> dict[int, str]:
    """Why somebody's address is not written to."""
    rows = Person.objects.filter(pk__in=person_ids, email__isnull=False).order_by()
    address_of = {pk: (email or "").lower() for pk, email in rows.values_list("pk", "email")}
    reasons = dict(
        MailTrouble.objects.filter(address__in=set(address_of.values()), blocked_at__isnull=False)
        .order_by()
        .values_list("address", "reason")
    )
    digests = {address_digest(address): address for address in set(address_of.values())}
    erased = {
        digests[digest]
        for digest in SuppressedAddress.objects.filter(digest__in=digests)
        .order_by()
        .values_list("digest", flat=True)
    }
    words = dict(TroubleReason.choices)
    return {
        pk: "The address belonged to somebody who was erased."
        if address in erased
        else f"The address is suppressed: {words[reasons[address]].lower()}."
        for pk, address in address_of.items()
        if address in erased or address in reasons
    }
