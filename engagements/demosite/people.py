"""Whom one can sign in as on the demo site, and the site's own source."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from csplatform.customers.models import Person, Source

# A write key is public anyway; a fixed one lets pages of the demo be kept open over a restart.
WRITE_KEY = "wk_demo_product_site"
FOUND = 24


@dataclass(frozen=True)
class DemoPerson:
    """A person as the demo product knows its user."""

    pk: int
    name: str
    email: str
    user_id: str
    company: str
    company_id: str

    @property
    def first_name(self) -> str:
        """For the greeting."""
        return self.name.split()[0] if self.name.split() else "there"

    def identity(self) -> dict[str, Any]:
        """What the site hands to `journey("identify", ...)`."""
        given: dict[str, Any] = {"name": self.name}
        if self.user_id:
            given["id"] = self.user_id
        if self.email:
            given["email"] = self.email
        if self.company_id:
            given["company"] = {"id": self.company_id, "name": self.company}
        return given


def demo_source() -> Source:
    """The demo site's source, made at first use."""
    made, _ = Source.objects.get_or_create(write_key=WRITE_KEY, defaults={"name": "Demo product"})
    return made


def search(text: str) -> list[DemoPerson]:
    """People by name, address or company; those whom the product knows by a user id first."""
    found = _living()
    for word in text.split()[:5]:
        found = found.filter(
            Q(name__icontains=word)
            | Q(email__icontains=word)
            | Q(memberships__company__name__icontains=word, memberships__is_primary=True)
        )
    return [_seen(person) for person in found.order_by("name", "pk").distinct()[:FOUND]]


def get(person_id: Any) -> DemoPerson | None:
    """One person by id, None when gone."""
    if not str(person_id).isdigit():
        return None
    found = _living().filter(pk=int(person_id)).first()
    return _seen(found) if found else None


def _living() -> Any:
    return Person.objects.filter(merged_into=None, erased_at=None).prefetch_related(
        "external_ids", "memberships__company"
    )


def _seen(person: Person) -> DemoPerson:
    user_id = next((x.value for x in person.external_ids.all() if x.kind == "user_id"), "")
    company = next((m.company for m in person.memberships.all() if m.is_primary), None)
    return DemoPerson(
        person.pk,
        person.name or person.email or f"Person {person.pk}",
        person.email or "",
        user_id,
        company.name if company else "",
        (company.external_id or "") if company else "",
    )
