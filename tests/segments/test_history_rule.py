"""RUL-01: entered and left a segment in the last days."""

from datetime import timedelta

import pytest

from csplatform.kit import sql
from csplatform.kit.clock import now
from csplatform.rules.compile import matching_ids
from csplatform.rules.evaluate import matches
from csplatform.rules.flips import next_flips, these
from csplatform.rules.load import load_facts
from csplatform.rules.parse import parse_rule
from csplatform.rules.references import needs_of
from csplatform.segments.models import MemberChange
from csplatform.segments.operations.definition import SegmentInput, save_segment
from csplatform.segments.operations.membership import add_members, remove_members
from tests import factories as make


@pytest.mark.django_db
def test_comings_and_goings_count_for_some_days() -> None:
    listed = save_segment(SegmentInput("List", kind="static"), actor=None)
    stayed, left, old = make.person(), make.person(), make.person()
    add_members(listed.pk, [stayed.pk, left.pk, old.pk], actor=None)
    remove_members(listed.pk, [left.pk], actor=None)
    MemberChange.objects.filter(subject_id=old.pk).update(occurred_at=now() - timedelta(days=9))

    def who(operator: str, days: int = 7) -> set[int]:
        rule = {"test": "segment", "segment": listed.pk, "operator": operator, "days": days}
        node, at = parse_rule(rule, "person"), now()
        found = matching_ids(node, "person", at)
        ids = [stayed.pk, left.pk, old.pk]
        assert matching_ids(node, "person", at, ids=ids) == found
        facts = load_facts("person", ids, needs_of(node, "person"), at)
        assert {i for i in ids if matches(node, facts[i], at)} == found
        return found

    assert who("entered") == {stayed.pk, left.pk}
    assert who("entered", 10) == {stayed.pk, left.pk, old.pk}
    assert who("left") == {left.pk}
    assert who("in") == {stayed.pk, old.pk}
    rule = {"test": "segment", "segment": listed.pk, "operator": "entered", "days": 10}
    query = next_flips(parse_rule(rule, "person"), "person", now(), these([old.pk]))
    moment = MemberChange.objects.get(subject_id=old.pk).occurred_at
    assert dict(sql.rows(query.text, query.params)) == {old.pk: moment + timedelta(days=10)}
