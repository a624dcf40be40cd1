"""People from a file."""

from collections.abc import Collection, Sequence
from typing import Any, ClassVar

from csplatform.customers.attributes import attribute_specs
from csplatform.customers.operations.people import CompanyRef, PersonInput, upsert_people
from csplatform.imports.kind import ImportKind, Row, Target, Written
from csplatform.imports.kinds.attributes import attribute_targets, replaced

COMPANY = (
    Target("company_external_id", "Company: external id", aliases=("account_id", "company_id")),
    Target("company_domain", "Company: domain", aliases=("domain",)),
    Target("company_name", "Company: name", aliases=("company", "account", "account_name")),
)
ALIASES = {
    "email": ("e_mail", "mail", "email_address", "e_mail_address"),
    "name": ("full_name", "person"),
    "role": ("job_title", "title", "position"),
    "time_zone": ("timezone", "tz"),
    "language": ("locale",),
}


class PeopleImport(ImportKind):
    """People, and where they work."""

    key: ClassVar[str] = "people"
    label: ClassVar[str] = "People"
    sentence: ClassVar[str] = (
        "Known by external id, else by email address; others are made. Companies that are not "
        "there yet are made, too."
    )
    permissions: ClassVar[tuple[str, ...]] = ("customers.add_person", "customers.change_person")

    def targets(self) -> list[Target]:
        """Attributes, the external id, the company."""
        external = Target("external_id", "External id (user id)", aliases=("user_id", "id"))
        own = attribute_targets("person", ALIASES)
        return [*own[:2], external, *own[2:], *COMPANY]

    def lacking(self, mapped: Collection[str]) -> str:
        """One of the two by which they are known."""
        if {"email", "external_id"} & set(mapped):
            return ""
        return "Say which column holds the email address or the external id."

    def write(self, rows: Sequence[Row], *, keys: Sequence[str], actor: Any) -> list[Written]:
        """Through the operation."""
        specs = attribute_specs("person")
        with replaced({"": "email"}):
            results = upsert_people([_person(row, specs) for row in rows], actor=actor)
        return [
            Written(
                "created" if r.created else "updated" if r.changed_names else "unchanged",
                tuple((name, "Left alone: somebody else has it.") for name in r.conflicts),
            )
            for r in results
        ]


def _person(row: Row, specs: Collection[str]) -> PersonInput:
    ref = CompanyRef(
        external_id=row.get("company_external_id") or None,
        domain=row.get("company_domain") or None,
        name=row.get("company_name") or None,
    )
    stated = ref.external_id or ref.domain or ref.name
    return PersonInput(
        external_id=row.get("external_id") or None,
        attributes={name: row[name] for name in row if name in specs},
        companies=[ref] if stated else [],
    )
