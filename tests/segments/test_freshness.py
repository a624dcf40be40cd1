"""SEG-01, SEG-02: segments follow events, changes and the clock."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from csplatform.customers.models import AttributeDefinition, Person
from csplatform.customers.operations.attributes import patch_attributes
from csplatform.customers.operations.events import EventInput, record_events
from csplatform.customers.operations.memberships import link_people, set_memberships
from csplatform.customers.operations.merge import merge_people
from csplatform.customers.operations.people import PersonInput, upsert_people
from csplatform.freshness.models import NextFlip, Touch
from csplatform.kit.clock import now
from csplatform.segments import recompute
from csplatform.segments.admin.pages import why_words
from csplatform.segments.models import MemberChange, Segment, State
from csplatform.segments.operations.definition import SegmentInput, save_segment
from csplatform.segments.operations.membership import add_members
from tests.factories import company, person
from tests.segments.cast import attribute, history, members, segment

pytestmark = [pytest.mark.smoke, pytest.mark.django_db]
Run = Callable[..., int]
CAUSE = {"kind": "test"}


def test_a_new_segment_is_computed_and_states_it(run_lanes: Run) -> None:
    """SEG-01: pending, then ready with its members."""
    inside, _ = person(role="admin"), person(role="user")
    admins = segment("Admins", attribute("role", "equals", "Admin"))
    assert admins.state == State.PENDING
    assert members(admins) == set()
    run_lanes()
    assert members(admins) == {inside.pk}
    assert admins.state == State.READY
    assert admins.computed_at is not None
    assert history(admins) == [(inside.pk, True)]


def test_a_change_is_followed_and_only_the_changed_one_is_asked(run_lanes: Run) -> None:
    """SEG-02: an attribute change moves its subject in and out, with history."""
    ann, bob = person(role="user"), person(role="admin")
    admins = segment("Admins", attribute("role", "equals", "admin"))
    run_lanes()
    # Bob's row is changed behind the back of the operations: nobody was told, so he stays.
    Person.objects.filter(pk=bob.pk).update(role="user")
    patch_attributes("person", {ann.pk: {"role": "admin"}}, cause=CAUSE)
    run_lanes()
    assert members(admins) == {ann.pk, bob.pk}
    patch_attributes("person", {ann.pk: {"role": "user"}}, cause=CAUSE)
    run_lanes()
    assert members(admins) == {bob.pk}
    assert history(admins) == [(bob.pk, True), (ann.pk, True), (ann.pk, False)]
    recompute.refresh_all()
    run_lanes()
    assert members(admins) == set()


def test_a_new_person_enters_at_once(run_lanes: Run) -> None:
    """SEG-02: also segments that demand nothing or that something is missing."""
    everybody = segment("Everybody", {})
    unnamed = segment("No persona", attribute("persona", "unset"))
    run_lanes()
    made = upsert_people([PersonInput(email="zoe@example.com")], actor=None)[0]
    run_lanes()
    assert members(everybody) == {made.id}
    assert members(unnamed) == {made.id}


def test_events_are_counted_as_they_come(run_lanes: Run) -> None:
    """SEG-02: the second login brings her in; somebody else's does not."""
    ann, bob = person(), person()
    active = segment("Active", {"test": "event", "name": "login", "count": 2})
    run_lanes()
    for who in (ann, bob, ann):
        record_events([EventInput("login", person_id=who.pk)])
    run_lanes()
    assert members(active) == {ann.pk}


def test_a_company_s_change_reaches_its_people(run_lanes: Run) -> None:
    """SEG-02: rules that cross to companies follow the companies."""
    acme, globex = company(arr=10), company(arr=10)
    ann, bob = person(at=acme), person(at=globex)
    rule = {"test": "company", "rule": attribute("arr", "gte", 100)}
    rich = segment("At a rich company", rule)
    run_lanes()
    patch_attributes("company", {acme.pk: {"arr": 200}}, cause=CAUSE)
    run_lanes()
    assert members(rich) == {ann.pk}
    link_people([(bob.pk, acme.pk)], actor=None)
    run_lanes()
    assert members(rich) == {ann.pk, bob.pk}


def test_a_colleague_s_change_reaches_over_two_crossings(run_lanes: Run) -> None:
    """SEG-02: people whose company has an admin, when a colleague becomes one."""
    acme = company()
    ann, bob, zoe = person(at=acme), person(at=acme), person()
    inner = {"test": "people", "rule": attribute("role", "equals", "admin")}
    served = segment("Has an admin", {"test": "company", "rule": inner})
    run_lanes()
    patch_attributes("person", {bob.pk: {"role": "admin"}}, cause=CAUSE)
    run_lanes()
    assert members(served) == {ann.pk, bob.pk}
    set_memberships(bob.pk, [company().pk], actor=None)
    run_lanes()
    assert members(served) == {bob.pk}
    assert zoe.pk not in members(served)


def test_a_company_follows_those_who_leave(run_lanes: Run) -> None:
    """SEG-02: the end of a membership concerns the company that was left."""
    acme = company()
    ann = person(at=acme, role="admin")
    rule = {"test": "people", "rule": attribute("role", "equals", "admin")}
    served = segment("Has an admin", rule, subject="company")
    run_lanes()
    assert members(served) == {acme.pk}
    set_memberships(ann.pk, [], actor=None)
    run_lanes()
    assert members(served) == set()


def test_segments_of_segments_follow(run_lanes: Run) -> None:
    """SEG-01: a change ripples through; SEG-02: with its own touch per segment."""
    ann = person(role="user")
    admins = segment("Admins", attribute("role", "equals", "admin"))
    others = segment("Not admins", {"test": "segment", "segment": admins.pk, "operator": "not_in"})
    run_lanes()
    assert members(others) == {ann.pk}
    patch_attributes("person", {ann.pk: {"role": "admin"}}, cause=CAUSE)
    run_lanes()
    assert (members(admins), members(others)) == ({ann.pk}, set())


def test_members_touch_the_loop_for_rooms_above(run_lanes: Run) -> None:
    """SEG-02: entering and leaving is a fact that programs can wait for."""
    ann = person(role="admin")
    admins = segment("Admins", attribute("role", "equals", "admin"))
    recompute.run_slice()
    touches = Touch.objects.filter(key=f"segment.{admins.pk}")
    assert list(touches.values_list("subject", "subject_id")) == [("person", ann.pk)]


def test_time_alone_takes_somebody_out(run_lanes: Run) -> None:
    """SEG-01: the login leaves the window half a second after the segment was computed, and the
    second login of somebody else comes into it meanwhile."""
    ann, bob = person(), person()
    long_ago = now() - timedelta(days=7) + timedelta(seconds=0.7)
    record_events([
        EventInput("login", person_id=ann.pk, occurred_at=long_ago),
        EventInput("login", person_id=bob.pk, occurred_at=long_ago),
    ])  # fmt: skip
    rule = {"test": "event", "name": "login", "days": 7}
    active = segment("Active this week", rule)
    steady = segment("Ever active", {"test": "event", "name": "login"})
    run_lanes()
    assert members(active) == {ann.pk, bob.pk}
    assert NextFlip.objects.count() == 2
    record_events([EventInput("login", person_id=bob.pk)])
    run_lanes()
    time.sleep(0.8)
    run_lanes()
    assert members(active) == {bob.pk}
    assert members(steady) == {ann.pk, bob.pk}
    assert not NextFlip.objects.exists()  # Bob's next one is behind the horizon
    left = MemberChange.objects.get(segment=active, subject_id=ann.pk, entered=False)
    assert why_words(left.cause) == "time alone"


def test_time_alone_brings_somebody_in_over_their_company(run_lanes: Run) -> None:
    """SEG-01: a moment of the company comes near enough, and then it is over."""
    AttributeDefinition.objects.create(
        subject="company", name="review", label="Review", type="datetime"
    )
    review = now() + timedelta(days=1, seconds=0.7)
    acme = company(attributes={"review": review.strftime("%Y-%m-%dT%H:%M:%S.%fZ")})
    ann = person(at=acme)
    rule = {"test": "company", "rule": attribute("review", "in_next_days", 1)}
    near = segment("Reviewed tomorrow", rule)
    run_lanes()
    assert members(near) == set()
    time.sleep(0.8)
    run_lanes()
    assert members(near) == {ann.pk}
    assert NextFlip.objects.get().due_at > now() + timedelta(hours=23)


def test_merged_people_leave_and_their_lists_follow(run_lanes: Run) -> None:
    """CUS-04, SEG-01: the winner takes the places on static lists, rules decide the rest."""
    ann, double = person(role="admin"), person(role="admin")
    admins = segment("Admins", attribute("role", "equals", "admin"))
    vips = segment("VIPs", kind="static")
    add_members(vips.pk, [double.pk], actor=None)
    run_lanes()
    merge_people(ann.pk, double.pk, actor=None)
    run_lanes()
    assert members(admins) == {ann.pk}
    assert members(vips) == {ann.pk}
    assert set(history(vips)) == {(double.pk, True), (double.pk, False), (ann.pk, True)}


def test_a_recompute_goes_in_slices_and_resumes(
    run_lanes: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SEG-02, REL-01: slices of ids; a worker that dies loses the slice, not the run."""
    monkeypatch.setattr(recompute, "SLICE", 2)
    made = [person(role="admin").pk for _ in range(5)]
    admins = segment("Admins", attribute("role", "equals", "admin"))
    assert recompute.run_slice() == 2
    assert members(admins) == set(made[:2])
    assert admins.state == State.COMPUTING
    real = recompute.refresh_members

    def dies(*args: Any, **more: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(recompute, "refresh_members", dies)
    with pytest.raises(MemoryError):
        recompute.run_slice()
    monkeypatch.setattr(recompute, "refresh_members", real)
    run_lanes()
    assert members(admins) == set(made)
    assert admins.state == State.READY
    assert len(history(admins)) == 5


def test_a_changed_rule_starts_again(run_lanes: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """SEG-01: no member stays of the rule before, also in the middle of a run."""
    monkeypatch.setattr(recompute, "SLICE", 1)
    first, second = person(role="admin"), person(role="user")
    mine = segment("Mine", attribute("role", "equals", "admin"))
    recompute.run_slice()
    given = SegmentInput("Mine", rule=attribute("role", "equals", "user"))
    save_segment(given, actor=None, segment_id=mine.pk)
    run_lanes()
    assert members(mine) == {second.pk}
    assert history(mine) == [(first.pk, True), (first.pk, False), (second.pk, True)]


def test_computing_twice_changes_nothing(run_lanes: Run) -> None:
    """REL-01: everything may run twice."""
    person(role="admin")
    admins = segment("Admins", attribute("role", "equals", "admin"))
    run_lanes()
    before = MemberChange.objects.count()
    recompute.refresh_all()
    run_lanes()
    assert MemberChange.objects.count() == before
    assert Touch.objects.count() == 0
    assert members(admins)


def test_an_unknown_kind_stops_the_segment_with_a_word(run_lanes: Run) -> None:
    """REL-03: a stored unknown kind is shown, and the others go on."""
    ann = person(role="admin")
    broken = segment("Broken", attribute("role", "equals", "admin"))
    Segment.objects.filter(pk=broken.pk).update(rule={"test": "astrology"})
    fine = segment("Fine", attribute("role", "equals", "admin"))
    run_lanes()
    broken.refresh_from_db()
    assert broken.state == State.FAILED
    assert "no such test" in broken.error
    assert members(fine) == {ann.pk}


def test_an_attribute_that_is_gone_counts_as_missing(run_lanes: Run) -> None:
    """REL-03: a rule over an attribute that was deleted is asked on."""
    plan = AttributeDefinition.objects.create(
        subject="person", name="plan", label="Plan", type="text"
    )
    ann = person(attributes={"plan": "pro"})
    pro = segment("Pro", attribute("plan", "equals", "pro"))
    not_pro = segment("Not pro", attribute("plan", "not_equals", "pro"))
    run_lanes()
    assert members(pro) == {ann.pk}
    plan.delete()
    recompute.refresh_all()
    run_lanes()
    assert (members(pro), members(not_pro)) == (set(), {ann.pk})


def test_the_same_number_of_queries_for_one_and_for_many(run_lanes: Run) -> None:
    """SEG-02: think in sets."""
    segment("Admins", attribute("role", "equals", "admin"))
    run_lanes()

    def queries(count: int) -> int:
        ids = [person(role="user").pk for _ in range(count)]
        run_lanes()
        patch_attributes("person", {i: {"role": "admin"} for i in ids}, cause=CAUSE)
        with CaptureQueriesContext(connection) as seen:
            run_lanes("live")
        return len(seen)

    assert queries(1) == queries(30)
