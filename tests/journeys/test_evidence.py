"""Evidence of a transition in words (PRG-61)."""

from zoneinfo import ZoneInfo

from journeys.models import Transition
from journeys.snapshot.evidence import EvidenceNames, facts, references

UTC = ZoneInfo("UTC")


def test_a_name_left_as_evidence_is_told_as_it_is() -> None:
    """PRG-61: a step may leave a name instead of a number; numbers of rows stay inside."""
    evidence = {"engagement": "Create your first project", "invitation": 7, "state": "invited"}
    rows = [Transition(evidence=evidence)]
    assert references(rows) == {}
    told = dict(facts(evidence, EvidenceNames({}, {}), UTC))
    assert told == {"Engagement": "Create your first project", "State": "invited"}


def test_a_number_is_told_by_the_name_of_what_it_points_at() -> None:
    """PRG-61: names instead of numbers; what is gone says so."""
    names = EvidenceNames({}, {"email_template:3": "Welcome"})
    assert dict(facts({"template": 3}, names, UTC)) == {"Mail": "Welcome"}
    assert dict(facts({"template": 4}, names, UTC)) == {"Mail": "4 (gone)"}
