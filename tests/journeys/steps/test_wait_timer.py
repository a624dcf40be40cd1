"""The wait timer's three ways, as participants live through them (PRG-05, PRG-45)."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from csplatform.customers.models import AttributeDefinition
from csplatform.customers.operations.attributes import patch_attributes
from csplatform.kit.clock import database_now
from csplatform.kit.schema import parse_config
from journeys.models import Participant, Transition
from journeys.operations.enroll import enroll
from journeys.operations.life import pause_program, resume_program
from journeys.steps.kind import CheckContext, StepBatch, StepView, Traveller
from journeys.steps.outcome import Go, WaitUntil
from journeys.steps.registry import step_kinds
from tests import factories as make

pytestmark = pytest.mark.django_db
BERLIN = ZoneInfo("Europe/Berlin")


def in_days(days):
    return (datetime.now(UTC).date() + timedelta(days=days)).isoformat()


@pytest.fixture
def trial():
    """A date attribute."""
    return AttributeDefinition.objects.create(
        subject="person", name="trial_end", label="Trial ends", type="date"
    )


def enrolled(run_lanes, *people, type="person", **config):
    program = make.program(make.step("wait_timer", "tm", **config), type=type)
    enroll(program.pk, [person.pk for person in people], actor=None)
    run_lanes()
    return program


def until_date(**more):
    return {"mode": "date", "attribute": "trial_end", "days": 7, "at": "09:00", **more}


def the_run():
    return Participant.objects.get()


def time_passes(run_lanes):
    """The wait's time is up."""
    past = database_now() - timedelta(seconds=1)
    Participant.objects.exclude(limit_at=None).update(limit_at=past)
    Participant.objects.exclude(due_at=None).update(due_at=past)
    run_lanes()


# --- a date ---------------------------------------------------------------------------------


def test_until_a_week_before_a_date_by_the_persons_clock(trial, run_lanes):
    """The local meaning is kept beside the moment."""
    person = make.person(time_zone="Europe/Berlin", attributes={"trial_end": in_days(30)})
    enrolled(run_lanes, person, **until_date())
    run = the_run()
    assert run.due_at.astimezone(BERLIN).strftime("%Y-%m-%d %H:%M") == f"{in_days(23)} 09:00"
    assert (run.wait_local, run.wait_zone) == (f"{in_days(23)} 09:00", "Europe/Berlin")
    assert run.limit_at == run.due_at


def test_a_date_that_changes_takes_the_wait_with_it(trial, run_lanes):
    """Later, sooner, and back into the past; a change of nothing is not told."""
    person = make.person(attributes={"trial_end": in_days(30)})
    enrolled(run_lanes, person, **until_date())
    patch_attributes("person", {person.pk: {"trial_end": in_days(60)}}, cause={})
    run_lanes()
    assert the_run().wait_local == f"{in_days(53)} 09:00"
    patch_attributes("person", {person.pk: {"time_zone": "Europe/Berlin"}}, cause={})
    run_lanes()
    assert the_run().wait_zone == "Europe/Berlin"
    assert Transition.objects.filter(kind="wait").count() == 3
    patch_attributes("person", {person.pk: {"trial_end": in_days(3)}}, cause={})
    run_lanes()
    assert the_run().state == "completed"
    assert Transition.objects.get(kind="go").evidence["past"] is True


def test_a_date_that_is_moved_in_a_pause_is_looked_at_again(trial, run_lanes):
    """PRG-45: dates are not lengthened by a pause; they are read again."""
    person = make.person(attributes={"trial_end": in_days(30)})
    program = enrolled(run_lanes, person, **until_date())
    pause_program(program.pk, actor=None)
    patch_attributes("person", {person.pk: {"trial_end": in_days(20)}}, cause={})
    run_lanes()
    assert the_run().wait_local == f"{in_days(23)} 09:00"
    resume_program(program.pk, actor=None)
    run_lanes()
    assert the_run().wait_local == f"{in_days(13)} 09:00"


@pytest.mark.parametrize("value", [None, "2020-02-29", "9999-12-31"])
@pytest.mark.parametrize(("missing", "gone"), [("go", "e"), ("leave", "The date is")])
def test_an_empty_or_past_date_does_as_was_chosen(trial, run_lanes, value, missing, gone):
    """A date beyond the calendar counts as empty."""
    person = make.person(attributes={"trial_end": value} if value else {})
    program = make.program(
        make.step("wait_timer", "tm", **until_date(missing=missing, side="after")),
        make.step("exit", "ex", reason="e"),
    )
    enroll(program.pk, [person.pk], actor=None)
    run_lanes()
    assert the_run().state == "completed"
    assert the_run().end_reason.startswith(gone)


def test_when_the_day_comes_people_go_on_also_where_missing_leaves(trial, run_lanes):
    """Reaching the date is not a date in the past."""
    person = make.person(attributes={"trial_end": in_days(30)})
    program = make.program(
        make.step("wait_timer", "tm", **until_date(missing="leave")),
        make.step("exit", "ex", reason="went on"),
    )
    enroll(program.pk, [person.pk], actor=None)
    run_lanes()
    # By hand, untold: as if 24 days had gone by.
    person.attributes["trial_end"] = in_days(6)
    person.save()
    time_passes(run_lanes)
    assert the_run().end_reason == "went on"


def test_companies_wait_by_their_own_clock(run_lanes):
    """A built-in date and the company's zone."""
    company = make.company(time_zone="America/New_York", renewal_date=in_days(40))
    enrolled(run_lanes, company, type="company", mode="date", attribute="renewal_date", days=10)
    assert the_run().wait_local == f"{in_days(30)} 09:00"
    assert the_run().wait_zone == "America/New_York"


# --- a window -------------------------------------------------------------------------------


def open_now(zone, hours):
    """A window that opens so many hours from now (negative: is open for a day)."""
    local = (database_now() + timedelta(hours=hours)).astimezone(ZoneInfo(zone))
    return {"start": local.strftime("%H:00"), "end": (local + timedelta(hours=2)).strftime("%H:00")}


def test_a_window_of_the_persons_week(run_lanes):
    """Zone of the person, else of the company, else of the installation; nonsense is passed by."""
    acme = make.company(time_zone="Asia/Tokyo")
    own = make.person(time_zone="Europe/Berlin", at=acme)
    company = make.person(at=acme)
    nonsense = make.person(time_zone="Mars/Olympus")
    config = {"mode": "window", "amount": 0, "weekdays": ["tue"], "start": "09:00", "end": "09:01"}
    enrolled(run_lanes, own, company, nonsense, **config)
    zones = dict(Participant.objects.values_list("person_id", "wait_zone"))
    assert zones == {own.pk: "Europe/Berlin", company.pk: "Asia/Tokyo", nonsense.pk: "UTC"}
    for run in Participant.objects.all():
        local = run.due_at.astimezone(ZoneInfo(run.wait_zone))
        assert (local.weekday(), local.strftime("%H:%M")) == (1, "09:00")


def test_a_pause_lengthens_the_span_and_the_window_is_looked_for_after_it(run_lanes):
    """PRG-45: what is left of the span is kept; then the next window, however late it is."""
    config = {"mode": "window", "amount": 3, "unit": "days", **open_now("UTC", 4)}
    program = enrolled(run_lanes, make.person(), **config)
    assert the_run().limit_at is None
    pause_program(program.pk, actor=None)
    left = the_run().remaining
    assert timedelta(days=2, hours=23) < left <= timedelta(days=3)
    resume_program(program.pk, actor=None)
    run_lanes()
    run = the_run()
    assert run.wait_local == ""
    assert abs(run.due_at - database_now() - left) < timedelta(minutes=1)
    time_passes(run_lanes)  # the span is over
    run = the_run()
    assert run.state == "active"
    assert run.wait_local.endswith(config["start"])
    pause_program(program.pk, actor=None)
    resume_program(program.pk, actor=None)
    run_lanes()
    assert the_run().limit_at == run.limit_at  # the window has not moved
    assert Transition.objects.filter(kind="wait").count() == 2
    time_passes(run_lanes)  # as after a pause over the window's time: it is not open now
    assert the_run().state == "active"
    assert the_run().limit_at == run.limit_at


def test_who_is_in_the_window_goes_on_at_once(run_lanes):
    """No span, and the window is open."""
    enrolled(run_lanes, make.person(), mode="window", amount=0, **open_now("UTC", 0))
    assert the_run().state == "completed"


# --- sets, settings, words ------------------------------------------------------------------


@pytest.mark.parametrize("config", [
    {"mode": "window", "amount": 0, "weekdays": ["mon"], "start": "03:00", "end": "03:01"},
    {"mode": "date", "attribute": "created_at", "days": 400, "side": "after"},
])  # fmt: skip
def test_one_or_a_thousand_are_the_same_queries(config, django_assert_num_queries):
    """Zones and dates are read for the whole group."""
    kind = step_kinds.get("wait_timer")
    view = StepView(1, "w", kind, "w", parse_config(kind.Config, config), 1, 1)
    now = database_now()
    people = make.people(1000)
    found = [
        Traveller(n, 1, 1, p.pk, None, None, 0, {}, now, "run", None) for n, p in enumerate(people)
    ]
    queries = 1 if config["mode"] == "window" else 3
    for some in (found[:1], found):
        with django_assert_num_queries(queries):
            outcomes = kind.run(StepBatch(view, "person", some, now, {"w": view}))
        assert len(outcomes) == len(some)
        assert all(isinstance(outcome, (WaitUntil, Go)) for outcome in outcomes.values())


@pytest.mark.parametrize(("config", "path", "says"), [
    ({"amount": 0}, "/amount", "at least 1"),
    ({"mode": "window"}, "/weekdays", "Choose weekdays"),
    ({"mode": "window", "start": "09:00"}, "/end", "both times"),
    ({"mode": "window", "start": "09:00", "end": "09:00"}, "/end", "no length"),
    ({"mode": "date"}, "/attribute", "Choose the date"),
    ({"mode": "date", "attribute": "gone_date"}, "/attribute", "any more"),
    ({"mode": "date", "attribute": "email"}, "/attribute", "is no date"),
])  # fmt: skip
def test_marks_say_what_to_do(config, path, says):
    """At the field."""
    kind = step_kinds.get("wait_timer")
    marks = kind.check(parse_config(kind.Config, config), CheckContext("person", 1))
    assert [mark.path for mark in marks] == [path]
    assert says in marks[0].message


@pytest.mark.parametrize(("config", "words"), [
    ({"amount": 1}, "Waits 1 day"),
    ({"mode": "window", "amount": 3, "weekdays": ["thu", "tue"], "start": "09:00", "end": "11:00"},
     "Waits 3 days, then until Tuesday or Thursday between 09:00 and 11:00 local time"),
    ({"mode": "window", "amount": 0, "weekdays": ["mon"]}, "Waits until Monday (local time)"),
    ({"mode": "date", "attribute": "renewal_date", "days": 7, "missing": "leave"},
     "Waits until 7 days before “Renewal date” at 09:00 local time;"
     " leaves the program if that is empty or past"),
])  # fmt: skip
def test_words(config, words):
    """A sentence for each way."""
    kind = step_kinds.get("wait_timer")
    names = {"attribute:renewal_date": "Renewal date"}
    assert kind.words(parse_config(kind.Config, config), names) == words
