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
    addresses = _addresses(messages)
    blocked = _blocked(set(addresses.values()))
    mails = [m for m in messages if not m.is_test and m.person_id]
    categories = _categories(mails)
    out_of = set(
        MailOptOut.objects.filter(person__in={m.person_id for m in mails})
        .order_by()
        .values_list("person_id", "category_id")
    )
    found = {m.id: Cancel(blocked[a]) for m in messages if (a := addresses.get(m.id)) in blocked}
    for mail in mails:
        template = mail.payload.get("template")
        category, name, operational = categories.get(template or 0, (None, "", False))
        if mail.id in found or operational:
            continue
        if (mail.person_id, None) in out_of:
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


def _addresses(messages: Sequence[Message]) -> dict[int, str]:
    """By message, where it goes: a fixed address of its step, or the person's own."""
    people = {m.person_id for m in messages if m.person_id}
    rows = Person.objects.filter(pk__in=people, email__isnull=False).order_by()
    own = {pk: email or "" for pk, email in rows.values_list("pk", "email")}
    found = {m.id: str(m.payload.get("to") or own.get(m.person_id or 0, "")) for m in messages}
    return {pk: address.lower() for pk, address in found.items() if address}


def _blocked(addresses: set[str]) -> dict[str, str]:
    """Why an address is not written to, by address in lower case."""
    words = dict(TroubleReason.choices)
    troubles = MailTrouble.objects.filter(address__in=addresses, blocked_at__isnull=False)
    digests = {address_digest(address): address for address in addresses}
    erased = SuppressedAddress.objects.filter(digest__in=digests)
    return {
        address: f"The address is suppressed: {words[reason].lower()}."
        for address, reason in troubles.order_by().values_list("address", "reason")
    } | {
        digests[digest]: "The address belonged to somebody who was erased."
        for digest in erased.order_by().values_list("digest", flat=True)
    }
