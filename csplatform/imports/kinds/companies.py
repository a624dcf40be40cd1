"""Companies from a file."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any, ClassVar

from django.db import transaction

from csplatform.accounts.models import User
from csplatform.customers.attributes import attribute_specs
from csplatform.customers.operations.companies import CompanyInput, assign_csm, upsert_companies
from csplatform.imports.kind import ImportKind, Row, Target, Written
from csplatform.imports.kinds.attributes import attribute_targets, replaced
from csplatform.kit.errors import DomainError, Problem

ALIASES = {
    "name": ("company", "account", "account_name"),
    "external_id": ("account_id", "company_id", "id"),
    "domains": ("domain", "website"),
    "stage": ("lifecycle_stage", "lifecycle"),
    "renewal_date": ("renewal", "contract_end"),
    "time_zone": ("timezone", "tz"),
}


class CompaniesImport(ImportKind):
    """Companies with their attributes and CSM."""

    key: ClassVar[str] = "companies"
    label: ClassVar[str] = "Companies"
    sentence: ClassVar[str] = (
        "Known by external id, else by domain, else by the exact name; others are made."
    )
    permissions: ClassVar[tuple[str, ...]] = ("customers.add_company", "customers.change_company")

    def targets(self) -> list[Target]:
        """Attributes and the CSM."""
        csm = Target("csm", "CSM: user name or email", aliases=("owner", "account_owner"))
        return [*attribute_targets("company", ALIASES), csm]

    def lacking(self, mapped: Collection[str]) -> str:
        """One of those by which they are known."""
        if {"name", "external_id", "domains"} & set(mapped):
            return ""
        return "Say which column holds the name, the external id or the domain."

    def write(self, rows: Sequence[Row], *, keys: Sequence[str], actor: Any) -> list[Written]:
        """Through the operations."""
        specs = attribute_specs("company")
        csms = _csms(rows)
        items = [CompanyInput(attributes={n: row[n] for n in row if n in specs}) for row in rows]
        with transaction.atomic(), replaced({"": "name"}):
            results = upsert_companies([_identified(item) for item in items], actor=actor)
            moved = _assign(rows, [r.id for r in results], csms, actor)
        return [
            Written(
                "created"
                if r.created
                else "updated"
                if r.changed_names or r.id in moved
                else "unchanged"
            )
            for r in results
        ]


def _identified(item: CompanyInput) -> CompanyInput:
    """What a company is known by stands in fields of its own."""
    rest = dict(item.attributes)
    domains = rest.pop("domains", None)
    if isinstance(domains, str):
        domains = [part.strip() for part in domains.replace(";", ",").split(",") if part.strip()]
    if isinstance(rest.get("tags"), str):
        rest["tags"] = [part.strip() for part in rest["tags"].split(",") if part.strip()]
    return CompanyInput(
        name=rest.pop("name", None),
        external_id=rest.pop("external_id", None),
        domains=domains,
        attributes=rest,
    )


def _csms(rows: Sequence[Row]) -> dict[str, User]:
    """Users by the words of the file. Raises DomainError for those that nobody is called."""
    words = {str(row["csm"]).lower() for row in rows if row.get("csm")}
    if not words:
        return {}
    found: dict[str, User] = {}
    for user in User.objects.filter(is_active=True).order_by("-pk"):
        for word in (user.email, user.get_full_name(), user.username):
            if word and word.lower() in words:
                found[word.lower()] = user
    problems = [
        Problem(f"/{i}/csm", f"No active user is called “{str(row['csm'])[:80]}”.", "unknown")
        for i, row in enumerate(rows)
        if row.get("csm") and str(row["csm"]).lower() not in found
    ]
    if problems:
        raise DomainError(problems)
    return found


def _assign(rows: Sequence[Row], ids: Sequence[int], csms: dict[str, User], actor: Any) -> set[int]:
    """Give the companies their CSMs; one statement per CSM. Who moved."""
    wanted: dict[int | None, set[int]] = defaultdict(set)
    users = {user.pk: user for user in csms.values()}
    for row, company_id in zip(rows, ids, strict=True):
        if "csm" in row:
            word = str(row["csm"] or "").lower()
            wanted[csms[word].pk if word else None].add(company_id)
    moved: set[int] = set()
    for user_id in sorted(wanted, key=lambda key: key or 0):
        companies = wanted[user_id]
        if assign_csm(companies, users.get(user_id or 0), actor=actor):
            moved |= companies
    return moved
