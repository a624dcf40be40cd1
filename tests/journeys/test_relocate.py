"""Stay, move or end: what becomes of those inside when a version is published (PRG-42)."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from csplatform.customers.models import AttributeDefinition
from csplatform.customers.operations.attributes import patch_attributes
from csplatform.kit.clock import database_now
from csplatform.kit.errors import Conflict, DomainError, NotAllowed
from journeys.models import (
    Outbox,
    Participant,
    ProgramStateChange,
    Relocation,
    Step,
    Transition,
    Wait,
)
from journeys.operations import relocate as room
from journeys.operations.draft import save_draft
from journeys.operations.enroll import enroll
from journeys.operations.life import pause_program, resume_program
from journeys.operations.publish import publish_preview, publish_program
from journeys.operations.relocate import relocate, relocate_chunk
from journeys.snapshot.counts import step_figures
from journeys.snapshot.feed import feed_of
from journeys.snapshot.participants import PeopleFilter, find_people
from tests import factories as make

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def timer(days, key="w1"):
    return make.step("wait_timer", key, amount=days, unit="days")


def put(program, *steps):
    """Another draft."""
    program.refresh_from_db()
    document = make.flow(*steps)
    save_draft(program.pk, document, revision=program.draft_revision, actor=None)


def inside(program, run_lanes, count=3):
    people = make.people(count)
    enroll(program.pk, make.ids(people), actor=None)
    run_lanes()
    return people


def where(program):
    """step key -> versions of those who stand there."""
    rows = program.participants.filter(ended_at=None).order_by("pk")
    found = {}
    for key, number in rows.values_list("step__key", "version__number"):
        found.setdefault(key, []).append(number)
    return found


def since_entry(participant):
    return participant.due_at - participant.entered_at


def test_who_is_not_named_stays(run_lanes):
    """PRG-42: the default."""
    program = make.program(timer(3))
    inside(program, run_lanes)
    put(program, timer(5))
    publish_program(program.pk, actor=None)
    run_lanes()
    assert where(program) == {"w1": [1, 1, 1]}
    assert not Relocation.objects.exists()


def test_at_the_same_step_a_wait_counts_from_when_they_came(run_lanes):
    """PRG-42: three days become five, not three and five; whose time is over goes on at once."""
    program = make.program(timer(3), timer(1, "w2"))
    inside(program, run_lanes, 2)
    first, last = program.participants.order_by("pk")
    shift = timedelta(days=6)
    Participant.objects.filter(pk=first.pk).update(
        step_since=F("step_since") - shift, due_at=F("due_at") + shift
    )
    put(program, timer(5), timer(1, "w2"))
    publish_program(program.pk, actor=None, moves={"w1": {"do": "move"}})
    run_lanes()
    assert where(program) == {"w2": [2], "w1": [2]}
    last.refresh_from_db()
    assert (since_entry(last), last.visit) == (5 * DAY, 1)
    feed = feed_of(last)
    assert [row.version for row in feed] == [1, 1, 2, 2]
    assert feed[2].title == "Taken to a new version"
    row = Relocation.objects.get()
    assert (row.expected, row.taken, row.done_at is None) == (2, 2, False)


def test_pauses_still_lengthen_a_wait_that_moves(run_lanes):
    """PRG-45 goes on to hold after PRG-42."""
    program = make.program(timer(3))
    inside(program, run_lanes, 1)
    pause_program(program.pk, actor=None)
    resume_program(program.pk, actor=None)
    back, forth = ProgramStateChange.objects.order_by("-id")[:2]
    ProgramStateChange.objects.filter(pk=back.pk).update(at=forth.at + 2 * DAY)
    put(program, timer(4))
    publish_program(program.pk, actor=None, moves={"w1": {"do": "move"}})
    run_lanes()
    ann = Participant.objects.get()
    assert abs(since_entry(ann) - 6 * DAY) < timedelta(minutes=1)


def test_another_step_is_done_anew(run_lanes):
    """PRG-42: a mail that was sent before is sent again as another visit, once."""
    template = make.mail_template()
    mail = make.step("send_email", "ml", template=template.pk)
    program = make.program(mail, timer(3))
    inside(program, run_lanes, 2)
    assert Outbox.objects.count() == 2
    put(program, mail, timer(9, "w9"))
    publish_program(program.pk, actor=None, moves={"w1": {"do": "move", "to": "ml"}})
    run_lanes()
    assert where(program) == {"w9": [2, 2]}
    assert sorted(Outbox.objects.values_list("visit", flat=True)) == [0, 0, 1, 1]
    figures = step_figures(program.pk)
    assert (figures["w1"].moved, figures["w1"].reached, figures["w1"].here) == (2, 2, 0)
    assert find_people(program, PeopleFilter(step="w1", what="moved")).count() == 2
    assert find_people(program, PeopleFilter(step="w1", what="reached")).count() == 2


def test_ended_runs_say_why_and_their_mail_does_not_leave(run_lanes):
    """PRG-42: end."""
    program = make.program(timer(3))
    inside(program, run_lanes)
    put(program, timer(5))
    publish_program(program.pk, actor=None, moves={"w1": {"do": "end"}})
    run_lanes()
    ended = Participant.objects.values_list("state", "end_reason")
    assert list(ended) == [("removed", "Ended by version 2")] * 3
    assert step_figures(program.pk)["w1"].left == 3


def test_a_conditional_wait_judges_by_the_new_conditions_with_what_happened(run_lanes):
    """PRG-42: wait rows follow; what an attribute says now counts."""
    AttributeDefinition.objects.create(subject="person", name="plan", label="Plan", type="text")

    def wait(value):
        rule = {"test": "attribute", "name": "plan", "operator": "equals", "value": value}
        return make.step(
            "conditional_wait", "cw", conditions=[{"type": "rule", "rule": rule}], amount=3,
            unit="days", exits={"met": [make.step("exit", "e1", reason="met")], "not_met": []},
        )  # fmt: skip

    program = make.program(wait("pro"))
    team, other = make.person(attributes={"plan": "team"}), make.person()
    enroll(program.pk, [team.pk, other.pk], actor=None)
    run_lanes()
    put(program, wait("team"))
    publish_program(program.pk, actor=None, moves={"cw": {"do": "move"}})
    run_lanes()
    assert Participant.objects.get(person=team).end_reason == "met"
    assert where(program) == {"cw": [2]}
    assert not Wait.objects.filter(participant__person=team).exists()


def test_the_dialog_counts_who_stands_where(run_lanes):
    """PRG-42, PRG-60: counts per waiting step over all earlier versions."""
    program = make.program(timer(3))
    inside(program, run_lanes, 2)
    put(program, timer(3), timer(1, "w2"))
    publish_program(program.pk, actor=None)
    inside(program, run_lanes, 1)
    put(program, timer(1, "w2"))
    (row,) = publish_preview(program.pk).standing
    assert (row.key, row.count, row.kept) == ("w1", 3, False)


def test_wrong_choices_publish_nothing(run_lanes):
    """PRG-42: refused with their place, all or nothing."""
    program = make.program(timer(3))
    inside(program, run_lanes)
    put(program, timer(5, "w2"))
    for moves, path in [
        ({"w1": {"do": "move", "to": "zz"}}, "/moves/w1/to"),
        ({"w1": {"do": "move"}}, "/moves/w1/to"),  # the step is gone
        ({"w1": {"do": "jump"}}, "/moves/w1/do"),
        ({"w1": "end"}, "/moves/w1/do"),
        ({"w1": {"do": "move", "to": ["w2"]}}, "/moves/w1/to"),
        (["w1"], "/moves"),
    ]:
        with pytest.raises(DomainError) as refused:
            publish_program(program.pk, actor=None, moves=moves)
        assert [p.path for p in refused.value.problems] == [path]
    assert program.versions.count() == 1


def test_moving_later(run_lanes):
    """PRG-42: those who stayed can be moved at any time, by who may publish."""
    program = make.program(timer(3))
    inside(program, run_lanes)
    with pytest.raises(Conflict):
        relocate(program.pk, {"w1": {"do": "move"}}, actor=None)  # all are on it
    put(program, timer(5))
    publish_program(program.pk, actor=None)
    choices = {"w1": {"do": "move"}}
    with pytest.raises(NotAllowed):
        relocate(program.pk, choices, actor=make.staff("csm"))
    relocate(program.pk, choices, actor=None)
    pause_program(program.pk, actor=None)
    run_lanes()
    assert where(program) == {"w1": [1, 1, 1]}  # it waits with the program
    with pytest.raises(Conflict):
        relocate(program.pk, choices, actor=None)
    resume_program(program.pk, actor=None)
    run_lanes()
    assert where(program) == {"w1": [2, 2, 2]}


def test_who_moved_on_keeps_his_version(run_lanes):
    """PRG-42: the choice was about those who wait at the step."""
    program = make.program(timer(3), timer(9, "w9"))
    inside(program, run_lanes, 2)
    put(program, timer(5), timer(9, "w9"))
    publish_program(program.pk, actor=None, moves={"w1": {"do": "move"}})
    ann = program.participants.order_by("pk")[0]
    Participant.objects.filter(pk=ann.pk).update(due_at=F("due_at") - 3 * DAY)
    run_lanes("live")
    run_lanes()
    assert where(program) == {"w9": [1], "w1": [2]}


def test_chunks_each_their_own(run_lanes, monkeypatch):
    """A killed worker loses no ground, nobody is moved twice, queries do not grow."""
    program = make.program(timer(3))
    inside(program, run_lanes, 7)
    put(program, timer(5))
    publish_program(program.pk, actor=None, moves={"w1": {"do": "move"}})
    monkeypatch.setattr(room, "CHUNK", 3)
    sizes, counts = [], []
    while True:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            sizes.append(relocate_chunk())
        counts.append(len(queries))
        if not sizes[-1]:
            break
    assert sizes == [3, 3, 1, 0]
    assert counts[0] == counts[1]
    run_lanes()
    assert where(program) == {"w1": [2] * 7}
    moved = Transition.objects.filter(kind="move")
    assert moved.count() == moved.values("participant_id").distinct().count() == 7


def test_over_the_api(run_lanes, client):
    """API-01."""
    program = make.program(timer(3))
    inside(program, run_lanes)
    put(program, timer(5), timer(1, "w2"))
    client.force_login(make.staff("admin"))
    url = f"/api/v1/programs/{program.pk}/"
    check = client.post(f"{url}check/").json()
    assert check["standing"] == [
        {"key": "w1", "name": "w1", "kind": "wait_timer", "count": 3, "kept": True}
    ]
    bad = client.post(
        f"{url}publish/", {"moves": {"w1": {"do": "x"}}}, content_type="application/json"
    )
    assert bad.status_code == 400
    assert bad.json()["error"]["problems"][0]["path"] == "/moves/w1/do"
    assert client.post(f"{url}publish/", {}, content_type="application/json").status_code == 201
    given = {"moves": {"w1": {"do": "move", "to": "w2"}}}
    made = client.post(f"{url}moves/", given, content_type="application/json")
    assert made.status_code == 202
    run_lanes()
    (row,) = client.get(f"{url}moves/").json()
    assert (row["taken"], row["to_key"]) == (3, "w2")
    assert where(program) == {"w2": [2, 2, 2]}


def test_steps_of_versions_with_people_cannot_go(run_lanes):
    """What stood is still named in the history."""
    program = make.program(timer(3))
    inside(program, run_lanes, 1)
    put(program, timer(5, "w2"))
    publish_program(program.pk, actor=None, moves={"w1": {"do": "move", "to": "w2"}})
    run_lanes()
    move = Transition.objects.get(kind="move")
    assert Step.objects.get(pk=move.step_id).key == "w1"
    assert Step.objects.get(pk=move.to_step_id).key == "w2"


def test_a_newer_version_overtakes_moves_to_an_older_one(run_lanes):
    """PRG-42: nobody is taken back, newcomers least of all."""
    program = make.program(timer(3))
    inside(program, run_lanes, 2)
    put(program, timer(5))
    publish_program(program.pk, actor=None, moves={"w1": {"do": "move"}})
    put(program, timer(7))
    publish_program(program.pk, actor=None)
    enroll(program.pk, make.ids(make.people(1)), actor=None)
    run_lanes()
    assert where(program) == {"w1": [1, 1, 3]}
    assert not program.relocations.filter(done_at=None).exists()


def test_a_move_never_leads_back(run_lanes):
    """PRG-42: also not one that is still open when people are on a later version."""
    program = make.program(timer(3))
    inside(program, run_lanes, 1)
    put(program, timer(5))
    publish_program(program.pk, actor=None, moves={"w1": {"do": "end"}})
    put(program, timer(7))
    publish_program(program.pk, actor=None)
    enroll(program.pk, make.ids(make.people(1)), actor=None)
    Relocation.objects.update(done_at=None)
    run_lanes()
    assert where(program) == {"w1": [3]}


def test_the_later_decision_about_a_step_counts(run_lanes):
    """PRG-42: thought again before the bulk lane came to it."""
    program = make.program(timer(3))
    inside(program, run_lanes)
    put(program, timer(5), timer(9, "w9"))
    publish_program(program.pk, actor=None, moves={"w1": {"do": "end"}})
    relocate(program.pk, {"w1": {"do": "move", "to": "w9"}}, actor=None)
    run_lanes()
    assert where(program) == {"w9": [2, 2, 2]}


def test_whose_time_has_come_goes_on_by_the_version_waited_for(run_lanes):
    """PRG-42, PRG-05: a date that was reached is not judged as past by the new version."""
    AttributeDefinition.objects.create(subject="person", name="due", label="Due", type="date")

    def until(days):
        return make.step(
            "wait_timer", "w1", mode="date", attribute="due", days=days, side="after",
            missing="leave",
        )  # fmt: skip

    program = make.program(until(0), timer(9, "w9"))
    someone = make.person(attributes={"due": "2099-01-01"})
    enroll(program.pk, [someone.pk], actor=None)
    run_lanes()
    put(program, until(1), timer(9, "w9"))
    publish_program(program.pk, actor=None, moves={"w1": {"do": "move"}})
    moment = database_now() - timedelta(minutes=1)
    Participant.objects.update(due_at=moment, limit_at=moment)
    patch_attributes("person", {someone.pk: {"due": moment.date().isoformat()}}, cause={})
    run_lanes("bulk")
    assert where(program) == {"w1": [1]}
    run_lanes()
    assert where(program) == {"w9": [1]}
