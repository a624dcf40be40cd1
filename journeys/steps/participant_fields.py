"""Tests of what a participant came with: its fields and its context id. Pure.

The operators are those of events' properties: nobody declared a type, so the value decides.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from csplatform.rules.properties import PropertyFilter, filter_holds
from journeys.steps.kind import Traveller


def values_of(traveller: Traveller) -> Mapping[str, Any]:
    """The fields and, as "context_id", the context id."""
    return {**traveller.fields, "context_id": traveller.context_id}


def who_holds(tests: Sequence[PropertyFilter], travellers: Iterable[Traveller]) -> set[int]:
    """Ids of the participants that all tests hold for."""
    return {t.id for t in travellers if all(filter_holds(test, values_of(t)) for test in tests)}


def tests_words(tests: Sequence[PropertyFilter]) -> str:
    """e.g. “field severity is “high””."""
    return " and ".join(f"field {test.words()}" for test in tests)
