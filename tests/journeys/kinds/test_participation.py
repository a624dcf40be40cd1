"""RUL-01: what became of somebody in a program, alike in SQL and in memory, and in time."""

from datetime import timedelta

import pytest

from csplatform.kit import sql
from csplatform.kit.clock import now
from csplatform.rules.compile import matching_ids
from csplatform.rules.evaluate import matches
from csplatform.rules.flips import next_flips, these
from csplatform.rules.load import load_facts
from csplatform.rules.parse import load_rule, parse_rule, problems_of
from csplatform.rules.references import needs_of
from csplatform.segments.models import Member
from csplatform.segments.operations.definition import SegmentInput, save_segment
from journeys.kinds.participation import OPERATORS
from journeys.models import Participant, Program
from journeys.operations.enroll import enroll, remove_participants
from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def program() -> Program:
    """Two waits."""
    steps = [make.step("wait_timer", key, amount=2, unit="days") for key in ("first", "second")]
    return make.program(*steps)


def who(program: Program, operator: str, **more) -> set[int]:
    """Those whom the test matches, asked in three ways."""
    rule = {"test": "participation", "program": program.pk, "operator": operator, **more}
    node, at = parse_rule(rule, "person"), now()
    found = matching_ids(node, "person", at)
    ids = list(sql.rows("SELECT array_agg(id) FROM customers_person")[0][0])
    assert matching_ids(node, "person", at, ids=ids) == found
    facts = load_facts("person", ids, needs_of(node, "person"), at)
    assert {id_ for id_ in ids if matches(node, facts[id_], at)} == found
    return found


def test_every_state_is_told_alike(program: Program, run_lanes) -> None:
    """Inside, done, removed, failed, goal: ever and within days."""
    people = {name: make.person().pk for name in
              ("inside", "completed", "unenrolled", "removed", "failed", "goal",
               "outside")}  # fmt: skip
    enroll(program.pk, [id_ for name, id_ in people.items() if name != "outside"], actor=None)
    run_lanes()
    at = now()
    for name in ("completed", "unenrolled", "removed", "failed"):
        Participant.objects.filter(person_id=people[name]).update(
            state=name, ended_at=at - timedelta(days=10), due_at=None
        )
    Participant.objects.filter(person_id=people["goal"]).update(goal_at=at - timedelta(days=10))
    Participant.objects.update(entered_at=at - timedelta(days=20))
    inside, everybody = {people["inside"], people["goal"]}, set(people.values())
    assert who(program, "now") == inside
    assert who(program, "not_now") == everybody - inside
    assert who(program, "at_step", step="first") == inside
    assert who(program, "at_step", step="second") == set()
    assert who(program, "ever") == everybody - {people["outside"]}
    assert who(program, "never") == {people["outside"]}
    for name in ("completed", "unenrolled", "removed", "failed", "goal"):
        assert who(program, name) == {people[name]}, name
        assert who(program, name, days=11) == {people[name]}, name
        assert who(program, name, days=9) == set(), name
    assert who(program, "ever", days=19) == set()
    assert set(OPERATORS) == {"now", "not_now", "at_step", "ever", "never", "completed", "goal",
                              "unenrolled", "removed", "failed"}  # fmt: skip


def test_time_alone_ends_the_last_days(program: Program) -> None:
    someone = make.person()
    enroll(program.pk, [someone.pk], actor=None)
    entered = Participant.objects.get().entered_at
    rule = {"test": "participation", "program": program.pk, "operator": "ever", "days": 3}
    query = next_flips(parse_rule(rule, "person"), "person", now(), these([someone.pk]))
    assert dict(sql.rows(query.text, query.params)) == {someone.pk: entered + timedelta(days=3)}


def test_a_segment_of_participants_is_fresh(program: Program, run_lanes) -> None:
    """SEG-02: entering and leaving a program moves people in and out at once."""
    rule = {"test": "participation", "program": program.pk}
    segment = save_segment(SegmentInput("In the program", rule=rule), actor=None)
    run_lanes()
    someone = make.person()
    enroll(program.pk, [someone.pk], actor=None)
    run_lanes()
    assert Member.objects.filter(segment=segment, subject_id=someone.pk).exists()
    remove_participants([Participant.objects.get().pk], actor=None)
    run_lanes()
    assert not Member.objects.filter(segment=segment).exists()


def test_as_of_the_past(program: Program, run_lanes) -> None:
    """RUL-03: who was inside then, and where."""
    someone = make.person()
    before = now()
    enroll(program.pk, [someone.pk], actor=None)
    run_lanes()
    inside = now()
    remove_participants([Participant.objects.get().pk], actor=None)

    def held(at, **more) -> bool:
        node = parse_rule({"test": "participation", "program": program.pk, **more}, "person")
        facts = load_facts("person", [someone.pk], needs_of(node, "person"), at, past=True)
        return matches(node, facts[someone.pk], at)

    sql.run("UPDATE customers_person SET created_at = created_at - interval '1 day'")
    assert [held(at) for at in (before, inside, now())] == [False, True, False]
    assert [held(at, operator="at_step", step="first") for at in (before, inside)] == [False, True]
    assert [held(at, operator="removed") for at in (inside, now())] == [False, True]


def test_programs_and_steps_must_be_there(program: Program) -> None:
    """RUL-01: with the place; a program that is gone holds nobody."""
    rule = {"test": "participation", "program": program.pk}
    assert [p.path for p in problems_of(rule, "company")] == ["/program"]
    assert [p.path for p in problems_of({**rule, "operator": "at_step", "step": "third"},
                                        "person")] == ["/step"]  # fmt: skip
    gone = load_rule({**rule, "program": 10**9}, "person")
    someone = make.person()
    assert matching_ids(gone, "person", now()) == set()
    never = load_rule({**rule, "program": 10**9, "operator": "never"}, "person")
    assert matching_ids(never, "person", now()) == {someone.pk}
