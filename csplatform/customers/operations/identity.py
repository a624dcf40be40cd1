"""Who is who: external ids first, then addresses, for a whole batch at once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from csplatform.kit import sql

# (kind, value)
ExternalKey = tuple[str, str]


@dataclass(eq=False)
class Slot:
    """One person that a batch is about: known (`id`) or to be created."""

    id: int | None = None
    values: dict[str, Any] = field(default_factory=dict)
    new_external_ids: set[ExternalKey] = field(default_factory=set)
    conflicts: list[str] = field(default_factory=list)
    created: bool = False

    @property
    def living_id(self) -> int:
        """The id, which everybody has once the new ones are inserted."""
        if self.id is None:
            raise LookupError("this person is not stored yet")
        return self.id


@dataclass(frozen=True)
class Known:
    """Whom the database knows."""

    external: dict[ExternalKey, int]
    emails: dict[str, int]


def find(external: Sequence[ExternalKey], emails: Sequence[str]) -> Known:
    """Living people by external id and by lower-case address: two statements."""
    by_key: dict[ExternalKey, int] = {}
    by_email: dict[str, int] = {}
    if external:
        kinds, values = zip(*set(external), strict=True)
        by_key = {
            (kind, value): person_id
            for kind, value, person_id in sql.rows(
                "SELECT e.kind, e.value, e.person_id FROM customers_externalid e"
                " JOIN unnest(%s::text[], %s::text[]) AS x(k, v) ON e.kind = x.k AND e.value = x.v",
                [list(kinds), list(values)],
            )
        }
    if emails:
        by_email = dict(
            sql.rows(
                "SELECT lower(email), id FROM customers_person WHERE lower(email) = ANY(%s)"
                " AND merged_into_id IS NULL AND erased_at IS NULL",
                [sorted(set(emails))],
            )
        )
    return Known(by_key, by_email)


def assign(
    known: Known,
    keys: Sequence[ExternalKey | None],
    emails: Sequence[str | None],
    values: Sequence[dict[str, Any]],
) -> list[Slot]:
    """The slot of each item; later items about the same person add to earlier ones.

    An address never moves from one known person to another by itself: the item's other values
    count, the address stays where it is and is named in the slot's conflicts.
    """
    slots: dict[int, Slot] = {}
    by_key: dict[ExternalKey, Slot] = {}
    by_email: dict[str, Slot] = {}

    def known_slot(person_id: int) -> Slot:
        return slots.setdefault(person_id, Slot(person_id))

    for key, person_id in known.external.items():
        by_key[key] = known_slot(person_id)
    for email, person_id in known.emails.items():
        by_email[email] = known_slot(person_id)
    order = []
    for its_key, its_email, given in zip(keys, emails, values, strict=True):
        slot = by_key.get(its_key) if its_key else None
        slot = slot or (by_email.get(its_email) if its_email else None)
        slot = slot or Slot()
        if its_key and its_key not in by_key:
            by_key[its_key] = slot
            slot.new_external_ids.add(its_key)
        taken = its_email is not None and by_email.setdefault(its_email, slot) is not slot
        slot.values.update({k: v for k, v in given.items() if not (taken and k == "email")})
        if taken:
            slot.conflicts.append("email")
        order.append(slot)
    return order
