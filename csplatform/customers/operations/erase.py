"""Erasing a person: what is personal goes, what happened stays as numbers (CUS-04)."""

from datetime import datetime
from typing import Any

from django.db import models
from django.utils.crypto import salted_hmac

from csplatform.customers.hooks import Erasure, erase_hooks
from csplatform.customers.models import (
    AttributeChange,
    Event,
    EventInbox,
    ExternalId,
    Membership,
    Person,
    PersonActivity,
    SuppressedAddress,
)
from csplatform.customers.operations.memberships import unlink_people
from csplatform.customers.operations.retry import settled_by_constraint
from csplatform.freshness.models import NextFlip
from csplatform.freshness.touches import EVERYTHING, touch
from csplatform.kit import audit, sql
from csplatform.kit.clock import database_now
from csplatform.kit.errors import Conflict, DomainError
from csplatform.kit.permissions import require

REASON = "erased"


@settled_by_constraint
def erase_person(person_id: int, *, actor: Any, moment: datetime | None = None) -> bool:
    """Empty everything personal about somebody, for good; False when it was done before.

    The row, its events, messages and runs stay, without a word by which anybody could tell who it
    was; whoever was merged into the person is erased with it. Runs end, waits and unsent mail go,
    memberships end with history, and the addresses are kept as keyed hashes alone. Rooms above
    follow through `customers.hooks.erase_hooks`, in this transaction.
    Raises DomainError for an unknown person, Conflict for a tombstone: its winner is to be erased.
    """
    require(actor, "customers.erase_person")
    # FOR UPDATE keeps writers of events, entries and senders of mail out until this commits.
    locked = sql.rows(
        "SELECT id, merged_into_id, erased_at FROM customers_person"
        " WHERE id = %(id)s OR merged_into_id = %(id)s ORDER BY id FOR UPDATE",
        {"id": person_id},
    )
    found = {row[0]: row for row in locked}
    if person_id not in found:
        raise DomainError(f"There is no person {person_id}.", path="/person", code="unknown")
    _, merged_into, _ = found[person_id]
    if merged_into is not None:
        raise Conflict(
            f"They were merged into person {merged_into}: erase that one.", code="merged"
        )
    if all(erased_at is not None for *_, erased_at in locked):
        return False
    erasure = _what_is_known(tuple(found), moment or database_now())
    _suppress(erasure)
    _empty(erasure)
    for hook in erase_hooks:
        hook(erasure)
    audit.record(actor, "person.erase", Person.objects.get(pk=person_id))
    touch("person", erasure.ids, [EVERYTHING])
    return True


def _what_is_known(ids: tuple[int, ...], moment: datetime) -> Erasure:
    """Every address, name and external id that they have or once had."""
    people = list(Person.objects.filter(pk__in=ids).values_list("email", "name"))
    once = AttributeChange.objects.filter(
        subject="person", subject_id__in=ids, name__in=["email", "name"]
    )
    emails = {email for email, _ in people} | _values(once.filter(name="email"))
    names = {name for _, name in people} | _values(once.filter(name="name"))
    known = set(ExternalId.objects.filter(person__in=ids).values_list("value", flat=True))
    return Erasure(
        ids=ids,
        addresses=frozenset(email.lower() for email in emails if email),
        words=frozenset(word for word in emails | names | known if word),
        moment=moment,
    )


def _values(changes: models.QuerySet[AttributeChange]) -> set[Any]:
    return {value for pair in changes.values_list("old", "new") for value in pair}


def address_digest(address: str) -> str:
    """The keyed hash by which a suppressed address is recognised, in any letter case."""
    return salted_hmac("customers.suppressed", address.lower(), algorithm="sha256").hexdigest()


def _suppress(erasure: Erasure) -> None:
    rows = [
        SuppressedAddress(digest=address_digest(address), reason=REASON, at=erasure.moment)
        for address in sorted(erasure.addresses)
    ]
    SuppressedAddress.objects.bulk_create(rows, ignore_conflicts=True)


def emptied(model: type[models.Model], *, keep: tuple[str, ...] = ()) -> dict[str, Any]:
    """The personal columns of a model, each with its empty value, for an update."""
    names = [name for name in model.personal_columns if name not in keep]  # type: ignore[attr-defined]
    fields = {field.name: field for field in model._meta.concrete_fields}
    return {name: None if fields[name].null else fields[name].get_default() for name in names}


def _empty(erasure: Erasure) -> None:
    """This room's own rows."""
    ids = erasure.ids
    links = Membership.objects.filter(person__in=ids).values_list("person_id", "company_id")
    unlink_people(list(links), cause={"kind": REASON}, moment=erasure.moment)
    ExternalId.objects.filter(person__in=ids).delete()
    AttributeChange.objects.filter(subject="person", subject_id__in=ids).update(
        **emptied(AttributeChange)
    )
    Event.objects.filter(person_id__in=ids).update(**emptied(Event))
    EventInbox.objects.filter(person_id__in=ids).delete()
    PersonActivity.objects.filter(person__in=ids).delete()
    NextFlip.objects.filter(subject="person", subject_id__in=ids).delete()
    Person.objects.filter(pk__in=ids).update(**emptied(Person), erased_at=erasure.moment)
