"""Asking a rule about travellers: each one for itself and for the company it travels for."""

from collections.abc import Iterable
from datetime import datetime

from csplatform.rules.compile import matching_pairs
from csplatform.rules.tree import Node
from journeys.steps.kind import Traveller


def who_matches(
    rule: Node, subject: str, travellers: Iterable[Traveller], at: datetime
) -> set[int]:
    """Ids of the participants that the rule matches. One statement.

    A person of several companies travels for one of them, and "their company" is that one
    (CUS-01).
    """
    pairs = {t.id: (t.subject_id, t.at_company_id) for t in travellers}
    hits = matching_pairs(rule, subject, at, pairs.values())
    return {participant for participant, pair in pairs.items() if pair in hits}
