"""SEG-01: making, changing, copying and deleting segments."""

import pytest

from csplatform.accounts.models import AuditEntry
from csplatform.customers.models import EventSubscription
from csplatform.kit.errors import Conflict, DomainError, NotAllowed
from csplatform.segments.models import Member, MemberChange, Segment, SegmentDefinition
from csplatform.segments.operations.definition import (
    SegmentInput,
    clone_segment,
    delete_segment,
    request_recompute,
    save_segment,
)
from csplatform.segments.operations.membership import add_members, remove_members
from csplatform.segments.usage import Use, segment_users, used_by
from tests.factories import company, person, staff
from tests.segments.cast import attribute, history, members, segment

pytestmark = pytest.mark.django_db
LOGIN = {"test": "event", "name": "login"}


def problems(given: SegmentInput, **more: object) -> list[str]:
    """Paths of what is wrong; nothing may be written."""
    count = Segment.objects.count()
    with pytest.raises(DomainError) as caught:
        save_segment(given, actor=None, **more)  # type: ignore[arg-type]
    assert Segment.objects.count() == count
    return [problem.path for problem in caught.value.problems]


def test_saving_subscribes_remembers_and_audits() -> None:
    """SEG-01, SEC-01: the rule's events are heard, the definition and who made it are kept."""
    admin = staff()
    made = save_segment(SegmentInput("Active", rule=LOGIN), actor=admin)
    assert EventSubscription.objects.filter(consumer="freshness", name__name="login").exists()
    assert "person:event.login:0" in made.fact_keys
    save_segment(
        SegmentInput("Active", rule=attribute("role", "set")), actor=admin, segment_id=made.pk
    )
    save_segment(
        SegmentInput("Busy", rule=attribute("role", "set")), actor=admin, segment_id=made.pk
    )
    kept = SegmentDefinition.objects.filter(segment=made).order_by("number")
    assert [row.rule["test"] for row in kept] == ["event", "attribute"]
    told = AuditEntry.objects.filter(subject_type="segments.segment").order_by("id")
    assert [entry.verb for entry in told] == ["segment.add", "segment.change", "segment.change"]
    assert told[2].before == {"name": "Active"}
    assert told[2].after == {"name": "Busy"}


def test_bad_input_is_refused_whole() -> None:
    """REL-03: with the path, and nothing half done."""
    segment("Taken")
    assert problems(SegmentInput(" ")) == ["/name"]
    assert problems(SegmentInput("taken")) == ["/name"]
    assert problems(SegmentInput("x" * 121)) == ["/name"]
    assert problems(SegmentInput("A", subject="robot", kind="magic")) == ["/subject", "/kind"]
    assert problems(SegmentInput("A", rule={"any": [7]})) == ["/rule/any/0"]


def test_circles_are_refused() -> None:
    """SEG-01: not even over other segments."""
    first = segment("First")
    second = segment("Second", {"test": "segment", "segment": first.pk})
    rule = {"not": {"test": "segment", "segment": second.pk}}
    assert problems(SegmentInput("First", rule=rule), segment_id=first.pk) == ["/rule"]
    own = {"test": "segment", "segment": first.pk}
    assert problems(SegmentInput("First", rule=own), segment_id=first.pk) == ["/rule"]
    first.refresh_from_db()
    assert first.rule == {"all": []}


def test_rights_are_asked_at_every_door() -> None:
    """SEC-01: who may only read changes nothing."""
    reader = staff("read_only")
    mine = segment("Mine", kind="static")
    for attempt in (
        lambda: save_segment(SegmentInput("New"), actor=reader),
        lambda: save_segment(SegmentInput("New"), actor=reader, segment_id=mine.pk),
        lambda: clone_segment(mine.pk, actor=reader),
        lambda: delete_segment(mine.pk, actor=reader),
        lambda: request_recompute(mine.pk, actor=reader),
        lambda: add_members(mine.pk, [person().pk], actor=reader),
        lambda: remove_members(mine.pk, [1], actor=reader),
    ):
        with pytest.raises(NotAllowed):
            attempt()
    assert Segment.objects.get().name == "Mine"
    assert Member.objects.count() == 0


def test_a_static_list_is_kept_by_hand() -> None:
    """SEG-01: adding and removing, twice, with history; unknown and buried ids are passed over."""
    vips = segment("VIPs", kind="static")
    ann, bob = person(), person()
    ghost = person(merged_into=ann)
    assert add_members(vips.pk, [ann.pk, bob.pk, ghost.pk, 10**12], actor=None) == 2
    assert add_members(vips.pk, [ann.pk], actor=None) == 0
    assert members(vips) == {ann.pk, bob.pk}
    assert remove_members(vips.pk, [bob.pk, 10**12], actor=None) == 1
    assert remove_members(vips.pk, [bob.pk], actor=None) == 0
    assert members(vips) == {ann.pk}
    assert history(vips) == [(ann.pk, True), (bob.pk, True), (bob.pk, False)]


def test_a_dynamic_segment_has_no_list() -> None:
    """SEG-01: the rule decides, so the list cannot be edited."""
    active = segment("Active", LOGIN)
    with pytest.raises(DomainError, match="change the rule instead"):
        add_members(active.pk, [person().pk], actor=None)


def test_copies_take_rule_or_members_along() -> None:
    """SEG-01: clone, under a free name."""
    active = segment("Active", LOGIN)
    assert clone_segment(active.pk, actor=None).name == "Active (copy)"
    copy = clone_segment(active.pk, actor=None)
    assert (copy.name, copy.rule) == ("Active (copy 2)", active.rule)
    acme = company()
    key = segment("Key accounts", subject="company", kind="static")
    add_members(key.pk, [acme.pk], actor=None)
    assert members(clone_segment(key.pk, actor=None)) == {acme.pk}


def test_a_used_segment_is_not_deleted() -> None:
    """SEG-01: the answer names who uses it; rooms above join by the registry."""
    first = segment("First")
    second = segment("Second", {"test": "segment", "segment": first.pk})
    with pytest.raises(Conflict, match="still used by Segment “Second”"):
        delete_segment(first.pk, actor=None)
    delete_segment(second.pk, actor=None)
    with segment_users.temporarily("program", lambda s: [Use("Program", "Welcome", "/x")]):
        assert used_by(first) == [Use("Program", "Welcome", "/x")]
        with pytest.raises(Conflict, match="Program “Welcome”"):
            delete_segment(first.pk, actor=None)
    delete_segment(first.pk, actor=None)
    assert not Segment.objects.exists()


def test_deleting_leaves_nothing_behind() -> None:
    """SEG-01: members and history go with it."""
    vips = segment("VIPs", kind="static")
    add_members(vips.pk, [person().pk], actor=None)
    delete_segment(vips.pk, actor=None)
    assert (Member.objects.count(), MemberChange.objects.count()) == (0, 0)
