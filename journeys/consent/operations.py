"""Who wants which mails, and which addresses are not written to (PRG-91)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import Q

from csplatform.customers.models import Person
from csplatform.customers.operations.events import EventInput, record_events
from csplatform.freshness.touches import touch
from csplatform.kit import audit, sql
from csplatform.kit.clock import database_now
from csplatform.kit.errors import Conflict, DomainError
from csplatform.kit.permissions import require
from journeys.consent.tokens import Holder
from journeys.models import (
    ConsentChange,
    EmailTemplate,
    MailCategory,
    MailOptOut,
    MailTrouble,
    Outbox,
)
from journeys.models.consent import ConsentSource, TroubleReason

EVERYTHING = None
# Rules that ask whether somebody may be written to read this fact.
FACT = "mail.consent"
SOFT_BOUNCES = 5
SOFT_BOUNCE_MEMORY = timedelta(days=30)


# --- categories -----------------------------------------------------------------------------


def save_category(
    name: str,
    *,
    actor: Any,
    description: str = "",
    is_operational: bool = False,
    category_id: int | None = None,
) -> MailCategory:
    """Make or change a category. Raises DomainError for a bad name, Conflict for a taken one."""
    require(actor, f"journeys.{'change' if category_id else 'add'}_mailcategory")
    name, description = name.strip(), description.strip()
    if not name or len(name) > 100 or "\x00" in name + description:
        raise DomainError("Give the category a name of at most 100 characters.", path="/name")
    if len(description) > 300:
        raise DomainError("Use at most 300 characters.", path="/description", code="too_long")
    given = {"name": name, "description": description, "is_operational": is_operational}
    try:
        with transaction.atomic():
            row = MailCategory() if category_id is None else _locked_category(category_id)
            before = {key: getattr(row, key) for key in given} if row.pk else {}
            changed = {key: value for key, value in given.items() if before.get(key) != value}
            if changed or not row.pk:
                verb = "change" if row.pk else "add"
                for key, value in given.items():
                    setattr(row, key, value)
                row.save()
                old = {key: before[key] for key in changed if key in before}
                audit.record(actor, f"mailcategory.{verb}", row, before=old, after=changed)
    except IntegrityError:
        text = "Another category has this name; choose a different one."
        raise Conflict(text, path="/name", code="taken") from None
    return row


def delete_category(category_id: int, *, actor: Any) -> None:
    """Delete a category that no mail template has. Wishes about it go with it; their history
    stays. Raises Conflict naming the templates."""
    require(actor, "journeys.delete_mailcategory")
    with transaction.atomic():
        row = _locked_category(category_id)
        users = list(row.templates.order_by("name").values_list("name", flat=True)[:6])
        if users:
            named = ", ".join(f"“{name}”" for name in users[:5])
            raise Conflict(f"“{row}” is the category of {named}.", code="in_use")
        audit.record(actor, "mailcategory.delete", row, before={"opt_outs": row.opt_outs.count()})
        row.delete()


def _locked_category(category_id: int) -> MailCategory:
    return MailCategory.objects.select_for_update().get(pk=category_id)


# --- wishes ---------------------------------------------------------------------------------


def set_preferences(
    person_id: int,
    out_of: Iterable[int | None],
    *,
    actor: Any,
    source: str,
    outbox_id: int | None = None,
) -> bool:
    """State what a person does not want: ids of categories, EVERYTHING for all mail.

    Returns whether that was news. Raises DomainError for an unknown person or category. What the
    person says by a signed link is done with actor None.
    """
    require(actor, "journeys.change_mailoptout")
    wanted: set[int | None] = set(out_of)
    with transaction.atomic():
        person = _locked_person(person_id)
        own = MailOptOut.objects.filter(person=person)
        had: set[int | None] = set(own.values_list("category_id", flat=True))
        if wanted == had:
            return False
        change = _Change(source, actor, outbox_id, database_now())
        names = _names((wanted | had) - {EVERYTHING})
        back = had - wanted
        gone = Q(category__in=back - {EVERYTHING})
        own.filter(gone | Q(category=None) if EVERYTHING in back else gone).delete()
        MailOptOut.objects.bulk_create(
            MailOptOut(person=person, category_id=category, source=source, at=change.at)
            for category in wanted - had
        )
        _remember(person, wanted - had, back, names, change)
        if actor is not None:
            told = sorted(names[c] if c else "everything" for c in wanted)
            audit.record(actor, "person.mail_preferences", person, after={"out_of": told})
    return True


def unsubscribe(holder: Holder) -> bool:
    """One click in the mail program: out of the mail's category, or of everything where it has
    none. Whether that was news."""
    row = Outbox.objects.filter(pk=holder.outbox_id).values_list("payload", flat=True).first()
    template = (row or {}).get("template")
    category = (
        EmailTemplate.objects.filter(pk=template, category__is_operational=False)
        .values_list("category_id", flat=True)
        .first()
        if isinstance(template, int)
        else None
    )
    with transaction.atomic():
        person_id = _locked_person(holder.person_id).pk
        had = set(MailOptOut.objects.filter(person=person_id).values_list("category_id", flat=True))
        return set_preferences(
            person_id, had | {category}, actor=None, source=ConsentSource.ONE_CLICK,
            outbox_id=holder.outbox_id,
        )  # fmt: skip


@dataclass(frozen=True)
class _Change:
    """The circumstances of a change."""

    source: str
    actor: Any
    outbox_id: int | None
    at: datetime


def _locked_person(person_id: int) -> Person:
    """The person, or whoever they were merged into."""
    rows = Person.objects.select_for_update(of=("self",), no_key=True)
    person = rows.filter(pk=person_id).first()
    while person is not None and person.merged_into_id is not None:
        person = rows.filter(pk=person.merged_into_id).first()
    if person is None or person.erased_at is not None:
        raise DomainError("This person is not known (any more).", path="/person", code="gone")
    return person


def _names(ids: set[int | None]) -> dict[int | None, str]:
    found: dict[int | None, str] = dict(
        MailCategory.objects.filter(pk__in=[i for i in ids if i]).values_list("pk", "name")
    )
    if missing := ids - set(found):
        text = f"There is no mail category {min(str(one) for one in missing)}."
        raise DomainError(text, path="/out_of", code="unknown")
    return found


def _remember(
    person: Person,
    left: set[int | None],
    back: set[int | None],
    names: dict[int | None, str],
    change: _Change,
) -> None:
    """History, events for those who wait or count, and touched rules."""
    news = [(category, True) for category in left] + [(category, False) for category in back]
    ConsentChange.objects.bulk_create(
        ConsentChange(
            person_id=person.pk, category_id=category, category_name=names.get(category, ""),
            opted_out=out, source=change.source, outbox_id=change.outbox_id, by=change.actor,
            at=change.at,
        )
        for category, out in news
    )  # fmt: skip
    record_events(
        [
            EventInput(
                name="email.unsubscribed" if out else "email.resubscribed",
                person_id=person.pk, ref=change.outbox_id or 0, passive=True,
                properties={"category": names.get(category, ""), "source": change.source},
            )
            for category, out in news
        ]
    )  # fmt: skip
    touch("person", [person.pk], [FACT])


# --- addresses ------------------------------------------------------------------------------


def suppress_address(address: str, *, actor: Any, detail: str = "") -> MailTrouble:
    """Never write to an address again, whoever has it. Raises DomainError for no address."""
    require(actor, "journeys.add_mailtrouble")
    address = address.strip().lower()
    try:
        validate_email(address)
        if len(address) > 254:
            raise ValidationError("too long")
    except ValidationError:
        text = f"“{address[:80]}” is no email address."
        raise DomainError(text, path="/address", code="email") from None
    with transaction.atomic():
        row = note_trouble(address, TroubleReason.STAFF, detail[:500])
        audit.record(actor, "mail.suppress", row)
    return row


def lift_suppressions(ids: Iterable[int], *, actor: Any) -> int:
    """Write to these addresses again; how many there were."""
    require(actor, "journeys.delete_mailtrouble")
    with transaction.atomic():
        rows = list(MailTrouble.objects.select_for_update().filter(pk__in=list(ids)).order_by("pk"))
        for row in rows:
            audit.record(actor, "mail.lift_suppression", row, before={"reason": row.reason})
        _touch_holders([row.address for row in rows])
        MailTrouble.objects.filter(pk__in=[row.pk for row in rows]).delete()
    return len(rows)


def note_bounce(address: str, *, hard: bool, detail: str) -> MailTrouble:
    """A mail did not arrive: a hard bounce suppresses the address at once, soft ones do when there
    are several within a month."""
    reason = TroubleReason.HARD_BOUNCE if hard else TroubleReason.SOFT_BOUNCES
    return note_trouble(address, reason, detail)


def note_complaint(address: str, *, detail: str) -> MailTrouble:
    """Its reader called a mail spam: never write there again."""
    return note_trouble(address, TroubleReason.COMPLAINT, detail)


def note_trouble(address: str, reason: str, detail: str) -> MailTrouble:
    """Count or suppress, in one statement: two senders at once count twice."""
    soft = reason == TroubleReason.SOFT_BOUNCES
    with transaction.atomic():
        row_id = sql.one(
            "INSERT INTO journeys_mailtrouble AS t"
            " (address, soft_bounces, reason, detail, blocked_at, last_at)"
            " VALUES (%(address)s, %(soft)s, %(reason)s, %(detail)s, %(blocked)s, now())"
            " ON CONFLICT (address) DO UPDATE SET"
            "  soft_bounces = CASE WHEN NOT %(is_soft)s THEN t.soft_bounces"
            "   WHEN t.last_at < now() - %(memory)s THEN 1"
            "   ELSE least(t.soft_bounces + 1, 1000) END,"
            "  blocked_at = CASE WHEN t.blocked_at IS NOT NULL THEN t.blocked_at"
            "   WHEN NOT %(is_soft)s THEN now()"
            "   WHEN t.last_at >= now() - %(memory)s AND t.soft_bounces + 1 >= %(most)s THEN now()"
            "   END,"
            "  reason = CASE WHEN t.blocked_at IS NULL THEN excluded.reason ELSE t.reason END,"
            "  detail = excluded.detail, last_at = now()"
            " RETURNING id",
            {
                "address": address.lower(),
                "soft": int(soft),
                "is_soft": soft,
                "reason": reason,
                "detail": detail[:500],
                "blocked": None if soft else database_now(),
                "memory": SOFT_BOUNCE_MEMORY,
                "most": SOFT_BOUNCES,
            },
        )
        row = MailTrouble.objects.get(pk=row_id)
        if row.blocked_at is not None:
            _touch_holders([row.address])
    return row


def _touch_holders(addresses: list[str]) -> None:
    found = sql.rows(
        "SELECT id FROM customers_person WHERE lower(email) = ANY(%s) AND merged_into_id IS NULL"
        " AND erased_at IS NULL",
        [addresses],
    )
    touch("person", [row[0] for row in found], [FACT])
