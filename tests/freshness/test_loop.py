"""The freshness loop: SEG-02, REL-01."""

import pytest
from django.db import transaction

from csplatform.freshness.loop import consumers, pending, run_batch
from csplatform.freshness.models import BrakeStop, Touch
from csplatform.freshness.touches import EVERYTHING, MAX_DEPTH, cause_depth, touch

pytestmark = [pytest.mark.smoke, pytest.mark.django_db]


def test_consumers_get_what_was_touched_once_and_together():
    seen = []
    touch("person", [2, 1, 1], ["attr.plan", "event.login"])
    touch("company", [9], ["attr.arr"])
    with consumers.temporarily("test", seen.append):
        assert run_batch() == 5
        assert run_batch() == 0
    by_subject = {t.subject: t for t in seen}
    assert by_subject["person"].keys == {
        "attr.plan": frozenset({1, 2}),
        "event.login": frozenset({1, 2}),
    }
    assert by_subject["person"].ids_for(frozenset({"event.*"})) == {1, 2}
    assert by_subject["person"].ids_for(frozenset({"attr.other"})) == set()
    assert by_subject["company"].ids_for(frozenset({"attr.arr"})) == {9}
    assert not pending()


def test_somebody_new_concerns_everybody():
    seen = []
    touch("person", [5], [EVERYTHING])
    with consumers.temporarily("test", seen.append):
        run_batch()
    assert seen[0].ids_for(frozenset({"attr.anything"})) == {5}


def test_a_consumer_that_fails_leaves_the_touches():
    """REL-01: a committed change reaches every consumer, once or more."""

    def fail(touched):
        raise RuntimeError("consumer broke")

    touch("person", [1], ["attr.plan"])
    with consumers.temporarily("test", fail):
        assert run_batch() == 0
    assert pending()


def test_a_change_that_is_rolled_back_touches_nobody():
    with transaction.atomic():
        touch("person", [1], ["attr.plan"])
        transaction.set_rollback(True)
    assert not pending()


def test_a_circle_of_causes_stops_visibly():
    """A consumer that touches what it listens to goes round MAX_DEPTH times, not for ever."""

    def again(touched):
        touch(touched.subject, [1], ["attr.plan"])

    touch("person", [1], ["attr.plan"])
    rounds = 0
    with consumers.temporarily("test", again):
        while run_batch():
            rounds += 1
            assert rounds < 50
    assert rounds == MAX_DEPTH + 1
    stop = BrakeStop.objects.get()
    assert (stop.subject_id, stop.key, stop.depth) == (1, "attr.plan", MAX_DEPTH + 1)
    assert not Touch.objects.exists()
    assert cause_depth.get() == 0
