"""How much the parts of the tree were used lately."""

from collections.abc import Sequence

from django.db import OperationalError, transaction

from csplatform.kit import sql
from csplatform.kit.clock import now
from csplatform.rules.happenings import Named, Selection, chosen_sql, place_sql
from csplatform.usage.tree import Branch, demands

DAYS = 30
# A page must not wait for figures: what takes longer is left out.
LIMIT_MS = 1500


def recent_use(tops: Sequence[Branch]) -> dict[str, int] | None:
    """Events of the last 30 days by path, each counted for the first feature that it fits; None
    when counting takes too long. One statement."""
    features = [branch.part for top in tops for branch in top.walk() if branch.part.event]
    named = tuple(Named(part.event, demands(part.where)) for part in features)
    selection = Selection(named, days=DAYS)
    if not named:
        return {}
    picked, place = chosen_sql(selection, now()), place_sql(selection)
    try:
        with transaction.atomic():
            sql.run(f"SET LOCAL statement_timeout = {LIMIT_MS}")
            rows = sql.rows(
                f"SELECT {place.text}, count(*) FROM customers_event e WHERE {picked.text}"
                " GROUP BY 1",
                [*place.params, *picked.params],
            )
    except OperationalError:
        return None
    found: dict[str, int] = {}
    for index, times in rows:
        path = features[index].path
        while path:
            found[path] = found.get(path, 0) + times
            path = path.rpartition("/")[0]
    return found
