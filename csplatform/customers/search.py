"""Finding companies and people by the beginning of what one types, at any size."""

from typing import Any

from django.db.models import QuerySet

from csplatform.kit import sql

# More matches than anybody reads; a longer term finds what is cut off.
MATCHES = 1000

_PERSON = """
(SELECT id FROM customers_person WHERE lower(name) LIKE %(prefix)s
    AND merged_into_id IS NULL AND erased_at IS NULL LIMIT %(limit)s)
UNION
(SELECT id FROM customers_person WHERE lower(email) LIKE %(prefix)s
    AND merged_into_id IS NULL AND erased_at IS NULL LIMIT %(limit)s)
UNION
(SELECT person_id FROM customers_externalid WHERE value = %(term)s LIMIT %(limit)s)
"""
_COMPANY = """
(SELECT id FROM customers_company WHERE lower(name) LIKE %(prefix)s
    AND merged_into_id IS NULL LIMIT %(limit)s)
UNION
(SELECT id FROM customers_company WHERE external_id = %(term)s)
UNION
(SELECT id FROM customers_company WHERE domains @> ARRAY[lower(%(term)s)]::varchar[]
    AND merged_into_id IS NULL LIMIT %(limit)s)
"""
_STATEMENTS = {"person": _PERSON, "company": _COMPANY}


def matching(subject: str, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
    """The rows of `queryset` whose name or address begins with `term`, or whose id it is.

    Domains count for companies. Each part has its index. An empty term finds everything.
    """
    term = term.strip().replace("\x00", "")
    if not term:
        return queryset
    prefix = term.lower()
    for sign in ("\\", "%", "_"):
        prefix = prefix.replace(sign, "\\" + sign)
    values = {"prefix": f"{prefix}%", "term": term, "limit": MATCHES}
    return queryset.filter(pk__in=[row[0] for row in sql.rows(_STATEMENTS[subject], values)])
