"""Ids of event names, kept in memory: names are interned once and never change."""

from collections.abc import Iterable

from django.db import transaction

from csplatform.customers.models import EventName

_known: dict[str, int] = {}


def event_name_ids(names: Iterable[str]) -> dict[str, int]:
    """Ids of names, interning those that are new."""
    wanted = set(names)
    missing = wanted - _known.keys()
    if missing:
        found = dict(EventName.objects.filter(name__in=missing).values_list("name", "pk"))
        new = [EventName(name=name) for name in sorted(missing - found.keys())]
        if new:
            EventName.objects.bulk_create(new, ignore_conflicts=True)
            found = dict(EventName.objects.filter(name__in=missing).values_list("name", "pk"))
        # Only what is committed may be remembered: a rolled-back name would leave a wrong id.
        transaction.on_commit(lambda: _known.update(found))
        return {name: found.get(name) or _known[name] for name in wanted}
    return {name: _known[name] for name in wanted}


def forget() -> None:
    """Empty the memory; for tests."""
    _known.clear()
