"""Finding people and companies by what somebody pasted."""

import re
from dataclasses import dataclass

from csplatform.kit import sql

MAX_KEYS = 20_000
# Email or external id of people; external id, domain or name of companies. Letter case is ignored
# except in ids.
_FIND = {
    "person": (
        "SELECT k.key, p.id FROM unnest(%s::text[]) k(key) JOIN customers_person p"
        " ON lower(p.email) = lower(k.key)"
        " WHERE p.merged_into_id IS NULL AND p.erased_at IS NULL"
        " UNION SELECT k.key, p.id FROM unnest(%s::text[]) k(key)"
        " JOIN customers_externalid x ON x.value = k.key JOIN customers_person p"
        " ON p.id = x.person_id WHERE p.merged_into_id IS NULL AND p.erased_at IS NULL"
    ),
    "company": (
        "SELECT k.key, c.id FROM unnest(%s::text[]) k(key) JOIN customers_company c"
        " ON lower(c.name) = lower(k.key) WHERE c.merged_into_id IS NULL"
        " UNION SELECT k.key, c.id FROM unnest(%s::text[]) k(key) JOIN customers_company c"
        " ON c.external_id = k.key OR lower(k.key) = ANY(c.domains)"
        " WHERE c.merged_into_id IS NULL"
    ),
}


@dataclass(frozen=True)
class Found:
    """What was found.

    Attributes:
        ids: whom the keys mean.
        unknown: keys that mean nobody, in their order.
        left_off: how many keys were too many.
    """

    ids: set[int]
    unknown: list[str]
    left_off: int


def find_pasted(subject: str, text: str) -> Found:
    """Whom pasted lines mean. One query."""
    keys = list(dict.fromkeys(part.strip() for part in re.split(r"[\n,;]+", text) if part.strip()))
    keys = [key for key in keys if "\x00" not in key]
    taken = keys[:MAX_KEYS]
    rows = sql.rows(_FIND[subject], [taken, taken]) if taken else []
    known = {key for key, _ in rows}
    unknown = [key for key in taken if key not in known]
    return Found({id_ for _, id_ in rows}, unknown, len(keys) - len(taken))
