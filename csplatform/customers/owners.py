"""Who of ours looks after a company: the CSM, or whoever has another role there."""

from collections.abc import Collection, Iterable

from csplatform.kit import sql

CSM = "csm"


def owners_of(company_ids: Iterable[int], role: str) -> dict[int, int]:
    """The user with a role at each company, by company id; companies without one are left out.

    Args:
        role: CSM, or the role of a CompanyOwner as it is written there (letters' case apart).

    One query. Users who left (inactive) do not count; of several the first one named does.
    """
    ids = list(company_ids)
    if not ids:
        return {}
    if role == CSM:
        found = sql.rows(
            "SELECT c.id, c.csm_id FROM customers_company c JOIN accounts_user u ON u.id = c.csm_id"
            " WHERE c.id = ANY(%s::bigint[]) AND u.is_active",
            [ids],
        )
    else:
        found = sql.rows(
            "SELECT DISTINCT ON (o.company_id) o.company_id, o.user_id"
            " FROM customers_companyowner o JOIN accounts_user u ON u.id = o.user_id"
            " WHERE o.company_id = ANY(%s::bigint[])"
            " AND lower(o.role) = lower(%s) AND u.is_active ORDER BY o.company_id, o.id",
            [ids, role],
        )
    return dict(found)


def known_roles() -> list[tuple[str, str]]:
    """Roles that somebody has at some company, as (value, label); the CSM first."""
    found = sql.rows("SELECT DISTINCT role FROM customers_companyowner ORDER BY role")
    return [(CSM, "CSM"), *((row[0], row[0]) for row in found)]


def primary_companies(person_ids: Collection[int]) -> dict[int, int]:
    """The primary company of each person, by person id; those without one are left out."""
    found = sql.rows(
        "SELECT person_id, company_id FROM customers_membership"
        " WHERE is_primary AND person_id = ANY(%s::bigint[])",
        [list(person_ids)],
    )
    return dict(found)
