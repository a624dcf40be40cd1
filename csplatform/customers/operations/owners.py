"""Who of ours has a role at a company besides the CSM; and telling rules that somebody left."""

from collections.abc import Sequence
from typing import Any

from csplatform.customers.models import Company, CompanyOwner
from csplatform.customers.operations.patching import cause_of, write_history
from csplatform.customers.operations.retry import settled_by_constraint
from csplatform.freshness.touches import touch
from csplatform.kit import audit, sql
from csplatform.kit.clock import database_now
from csplatform.kit.errors import DomainError, Problem
from csplatform.kit.permissions import require

Pairs = list[tuple[str, int]]


@settled_by_constraint
def set_owners(company_id: int, owners: Sequence[tuple[str, int]], *, actor: Any) -> bool:
    """Make the other owners of a company equal to (role, user id) pairs; whether that changed any.

    Raises NotAllowed, or DomainError for an empty role or an unknown company.
    """
    require(actor, "customers.change_companyowner")
    wanted = sorted({(role.strip(), user_id) for role, user_id in owners})
    problems = [
        Problem(f"/owners/{index}/role", "Say which role.", "missing")
        for index, (role, _) in enumerate(wanted)
        if not role or len(role) > 60
    ]
    if problems:
        raise DomainError(problems)
    company = Company.objects.select_for_update(no_key=True).filter(pk=company_id).first()
    if company is None:
        raise DomainError("There is no such company.", code="unknown")
    before = _pairs(company_id)
    if before == wanted:
        return False
    gone = set(before) - set(wanted)
    for role, user_id in gone:
        CompanyOwner.objects.filter(company=company, role=role, user_id=user_id).delete()
    CompanyOwner.objects.bulk_create(
        CompanyOwner(company=company, role=role, user_id=user_id)
        for role, user_id in wanted
        if (role, user_id) not in before
    )
    note_owners(company, before, wanted, actor)
    return True


def _pairs(company_id: int) -> Pairs:
    rows = CompanyOwner.objects.filter(company_id=company_id).values_list("role", "user_id")
    return sorted(rows)


def note_owners(company: Company, before: Pairs, after: Pairs, actor: Any) -> None:
    """History, audit and touch of owners that have changed."""
    if before == after:
        return
    changes = {company.pk: {"owners": (before or None, after or None)}}
    moment = database_now()
    write_history("company", changes, cause=cause_of(actor, None), moment=moment)
    audit.record(actor, "company.owners", company, before={"owners": before},
                 after={"owners": after})  # fmt: skip
    touch("company", [company.pk], ["owners"])


def tell_of_user(user_id: int) -> int:
    """A user became active or inactive: rules about the companies they look after look again.

    In the transaction of the change; how many companies that concerns.
    """
    rows = sql.rows(
        "SELECT id FROM customers_company WHERE csm_id = %s"
        " UNION SELECT company_id FROM customers_companyowner WHERE user_id = %s",
        [user_id, user_id],
    )
    ids = [row[0] for row in rows]
    touch("company", ids, ["attr.csm", "owners"])
    return len(ids)
