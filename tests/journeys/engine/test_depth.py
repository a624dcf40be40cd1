"""Chains of causes that go too deep take nobody else with them."""

import pytest

from csplatform.customers.models import AttributeDefinition
from csplatform.customers.operations.attributes import patch_attributes
from csplatform.freshness import loop
from csplatform.freshness.models import Touch
from csplatform.segments.operations.definition import SegmentInput, save_segment
from journeys.engine.advance import advance_due
from journeys.models import Participant
from journeys.operations.enroll import enroll
from tests import factories as make

pytestmark = pytest.mark.django_db


def test_a_deep_chain_stops_nobody_else(run_lanes):
    """The brake stops the chain, not the innocent change in the same batch."""
    AttributeDefinition.objects.create(subject="person", name="plan", label="Plan", type="text")
    rule = {"test": "attribute", "name": "plan", "operator": "equals", "value": "pro"}
    found = save_segment(
        SegmentInput(name="Pro", subject="person", kind="dynamic", rule=rule), actor=None
    )
    entry = {"sources": [{"kind": "segment", "segment": found.pk}]}
    make.program(make.step("wait_timer", "w1"), entry=entry)
    innocent, looping = make.person(), make.person()
    run_lanes()
    Touch.objects.create(subject="person", subject_id=looping.pk, key="attr.other", depth=10)
    patch_attributes("person", {innocent.pk: {"plan": "pro"}}, cause={})
    run_lanes()
    assert Participant.objects.filter(person=innocent).exists()


def test_a_deep_participant_makes_nobody_elses_change_deep():
    """Depth is of the run, not of the batch that it happens to be in."""
    AttributeDefinition.objects.create(subject="person", name="plan", label="Plan", type="text")
    program = make.program(make.step("set_attribute", "sa", attribute="plan", value="pro"))
    innocent, looping = make.person(), make.person()
    enroll(program.pk, [innocent.pk, looping.pk], actor=None)
    Participant.objects.filter(person=looping).update(depth=10)
    Touch.objects.all().delete()
    advance_due(0)
    depths = dict(Touch.objects.values_list("subject_id", "depth"))
    assert depths == {innocent.pk: 0, looping.pk: 10}


def test_one_poisoned_touch_does_not_stop_the_loop():
    """The others reach every consumer; the poisoned one stays for another look."""
    seen = set()

    def picky(touched):
        ids = touched.ids_for(frozenset({"attr.x"}))
        if 3 in ids:
            raise ValueError("no threes")
        seen.update(ids)

    Touch.objects.all().delete()
    Touch.objects.bulk_create(
        Touch(subject="person", subject_id=i, key="attr.x") for i in range(1, 8)
    )
    with loop.consumers.temporarily("picky", picky):
        loop.run_batch()
    assert seen == {1, 2, 4, 5, 6, 7}
    assert list(Touch.objects.values_list("subject_id", flat=True)) == [3]
