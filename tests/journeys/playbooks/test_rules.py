"""Rules about tasks and playbooks: SQL, memory and a plain telling agree; time flips them."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from csplatform.kit import sql
from csplatform.rules.compile import matching_ids
from csplatform.rules.evaluate import explain, matches
from csplatform.rules.flips import next_flips, these
from csplatform.rules.load import load_facts
from csplatform.rules.parse import parse_rule
from csplatform.rules.references import needs_of
from csplatform.rules.words import in_words
from csplatform.segments.models import Member
from csplatform.segments.operations.definition import SegmentInput, save_segment
from journeys.models import PlaybookRun, Task
from journeys.playbooks.operations.change import edit_task
from journeys.playbooks.operations.close import close_tasks, reopen_tasks
from journeys.playbooks.operations.runs import assign_playbook, stop_runs
from journeys.playbooks.subjects import Subject
from tests import factories as make

AT = datetime(2026, 3, 4, 12, tzinfo=UTC)
# the edges of the windows below, and their neighbours
DAYS = st.sampled_from([-30, -11, -10, -9, -1, 0, 1, 2, 30])
TASKS = st.tuples(
    st.integers(0, 2),  # whose
    st.integers(0, 1),  # type
    st.sampled_from(["", "Renewal"]),
    DAYS,  # created
    st.none() | DAYS,  # due
    st.none() | DAYS,  # closed
    st.sampled_from(["", "successful", "lost"]),
)
RUNS = st.tuples(
    st.integers(0, 2), st.integers(0, 1), st.sampled_from(["running", "completed", "stopped"]),
    st.none() | DAYS,
)  # fmt: skip
TASK_RULES = st.fixed_dictionaries(
    {
        "test": st.just("task"),
        "state": st.sampled_from(["open", "overdue", "closed", "successful", "lost"]),
        "operator": st.sampled_from(["at_least", "none"]),
        "count": st.integers(1, 3),
        "type": st.none() | st.integers(0, 1),
        "reason": st.sampled_from(["", "Renewal"]),
        "days": st.none() | st.sampled_from([1, 10, 30]),
    }
)
PLAYBOOK_RULES = st.fixed_dictionaries(
    {
        "test": st.just("playbook"),
        "state": st.sampled_from(["active", "never", "completed", "overdue", "stopped"]),
        "playbook": st.none() | st.integers(0, 1),
    }
)


def day(number: int | None) -> datetime | None:
    """A moment so many days from AT."""
    return None if number is None else AT + timedelta(days=number)


def is_over(due: date | None) -> bool:
    """Whether a day is over at AT."""
    return due is not None and due < AT.date()


def task_fits(rule: dict, tasks: list[tuple]) -> bool:
    """The rule told plainly over (type, reason, created, due, closed, outcome)."""
    count = 0
    for type_, reason, created, due, closed, outcome in tasks:
        since = {
            "open": created if closed is None else None,
            "overdue": datetime.combine(due + timedelta(days=1), datetime.min.time(), UTC)
            if closed is None and is_over(due)
            else None,
            "closed": closed,
        }.get(rule["state"], closed if outcome == rule["state"] else None)
        if since is None or rule["type"] not in (None, type_):
            continue
        if rule["reason"] not in ("", reason):
            continue
        count += rule["days"] is None or since > AT - timedelta(days=rule["days"])
    return count == 0 if rule["operator"] == "none" else count >= rule["count"]


def run_fits(rule: dict, runs: list[tuple]) -> bool:
    """The rule told plainly over (playbook, state, due)."""
    mine = [run for run in runs if rule["playbook"] in (None, run[0])]
    if rule["state"] == "never":
        return not mine
    return any(
        {"active": state == "running", "overdue": state == "running" and is_over(due)}.get(
            rule["state"], state == rule["state"]
        )
        for _, state, due in mine
    )


class Evaluators(TestCase):
    """Random tasks and runs, random rules."""

    @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        subject=st.sampled_from(["person", "company"]),
        tasks=st.lists(TASKS, min_size=2, max_size=9),
        runs=st.lists(RUNS, min_size=1, max_size=5, unique_by=lambda run: run[:2]),
        rules=st.lists(TASK_RULES | PLAYBOOK_RULES, min_size=4, max_size=8),
    )
    def test_sql_memory_and_the_plain_telling_agree(self, subject, tasks, runs, rules):
        """RUL-03: for everybody, for a few and for one alone."""
        maker = make.person if subject == "person" else make.company
        who = [maker().pk for _ in range(3)]
        types = [make.task_type().pk for _ in range(2)]
        books = [make.playbook(subject=subject).pk for _ in range(2)]
        told: dict[int, list] = {pk: [] for pk in who}
        ran: dict[int, list] = {pk: [] for pk in who}
        for whose, type_, reason, created, due, closed, outcome in tasks:
            row = {
                "type_id": types[type_], "reason": reason, "created_at": day(created),
                "due_on": due if due is None else day(due).date(), "closed_at": day(closed),
                "outcome": outcome if closed is not None else "",
            }  # fmt: skip
            status = "open" if closed is None else "closed"
            Task.objects.create(title="T", status=status, **{f"{subject}_id": who[whose]}, **row)
            told[who[whose]].append(tuple(row.values()))
        for whose, book, state, due in runs:
            due_on = due if due is None else day(due).date()
            PlaybookRun.objects.create(
                playbook_id=books[book], name="P", state=state, started_at=AT, due_on=due_on,
                ended_at=None if state == "running" else AT, **{f"{subject}_id": who[whose]},
            )  # fmt: skip
            ran[who[whose]].append((books[book], state, due_on))
        for rule in rules:
            if rule.get("type") is not None:
                rule = {**rule, "type": types[rule["type"]]}
            if rule.get("playbook") is not None:
                rule = {**rule, "playbook": books[rule["playbook"]]}
            node = parse_rule(rule, subject)
            fits = task_fits if rule["test"] == "task" else run_fits
            known = told if rule["test"] == "task" else ran
            wanted = {pk for pk in who if fits(rule, known[pk])}
            assert matching_ids(node, subject, AT) & set(who) == wanted, rule
            assert matching_ids(node, subject, AT, ids=who) == wanted, rule
            facts = load_facts(subject, who, needs_of(node, subject), AT)
            assert {pk for pk in who if matches(node, facts[pk], AT)} == wanted, rule
            assert in_words(node, subject)
            flips_are_noticed(node, subject, who, facts)


def flips_are_noticed(node, subject, who, facts) -> None:
    """Between now and the next flip nobody's answer changes by time alone."""
    query = next_flips(node, subject, AT, these(who))
    due = dict(sql.rows(query.text, query.params)) if query else {}
    for pk in who:
        until = min(due.get(pk, AT + timedelta(days=100)), AT + timedelta(days=100))
        before = matches(node, facts[pk], AT)
        for share in (0.3, 0.7, 0.999):
            moment = AT + (until - AT) * share
            assert matches(node, facts[pk], moment) == before, (pk, due.get(pk), moment)


@pytest.mark.django_db
def test_a_segment_follows_tasks_by_itself(run_lanes):
    """SEG-02: overdue tasks and closed ones bring companies in and out, without a recompute."""
    company, kind = make.company(), make.task_type()
    rule = {"all": [{"test": "task", "state": "overdue", "type": kind.pk},
                    {"test": "playbook", "state": "never"}]}  # fmt: skip
    segment = save_segment(SegmentInput("Late", "", "company", "dynamic", rule), actor=None)
    run_lanes()
    inside = Member.objects.filter(segment=segment)
    task = make.task(company_id=company.pk, type=kind, due_on=date(2020, 1, 1))
    run_lanes()
    assert list(inside.values_list("subject_id", flat=True)) == [company.pk]
    close_tasks([task.pk], actor=None)
    run_lanes()
    assert not inside.exists()
    reopen_tasks([task.pk], actor=None)
    run_lanes()
    assert inside.exists()
    assign_playbook(make.playbook().pk, [Subject(company_id=company.pk)], actor=None)
    run_lanes()
    assert not inside.exists()


@pytest.mark.django_db
def test_the_past_is_known_as_it_was():
    """RUL-03: rules as of an instant, through history."""
    company, kind = make.company(), make.task_type()
    task = make.task(company_id=company.pk, type=kind, due_on=date(2020, 1, 1))
    (run,) = assign_playbook(make.playbook().pk, [Subject(company_id=company.pk)], actor=None)
    edit_task(task.pk, {"due_on": None}, actor=None)
    close_tasks([task.pk], outcome="lost", actor=None)
    stop_runs([run.run_id], close=False, actor=None)
    moments = list(task.changes.order_by("id").values_list("at", flat=True))
    rules = {
        "overdue": {"test": "task", "state": "overdue", "type": kind.pk},
        "open": {"test": "task", "state": "open", "type": kind.pk},
        "lost": {"test": "task", "state": "lost"},
        "active": {"test": "playbook", "state": "active"},
    }

    def known(moment: datetime) -> set[str]:
        found = set()
        for name, rule in rules.items():
            node = parse_rule(rule, "company")
            facts = load_facts("company", [company.pk], needs_of(node, "company"), moment,
                               past=True)  # fmt: skip
            found |= {name} if matches(node, facts[company.pk], moment) else set()
        return found

    assert known(moments[0]) == {"overdue", "open"}
    assert known(moments[1]) == {"open", "active"}
    assert known(moments[2]) == {"lost", "active"}
    assert known(moments[2] + timedelta(seconds=30)) == {"lost"}


@pytest.mark.django_db
def test_explaining_shows_the_values():
    """RUL-03: how many there are, which runs."""
    company = make.company()
    for _ in range(3):
        make.task(company_id=company.pk)
    assign_playbook(make.playbook().pk, [Subject(company_id=company.pk)], actor=None)
    rule = {"all": [{"test": "task", "count": 2}, {"test": "playbook", "state": "overdue"}]}
    node = parse_rule(rule, "company")
    facts = load_facts("company", [company.pk], needs_of(node, "company"), AT)
    told = explain(node, facts[company.pk], AT)
    assert [(leaf.truth, leaf.value) for leaf in told.children] == [(True, 4), (False, ["running"])]


@pytest.mark.django_db
def test_the_next_moment_is_neither_late_nor_missed():
    """SEG-01: midnight after the last day, and the end of the window."""
    company = make.company()
    about = {"company_id": company.pk}
    midnight = datetime(2026, 3, 5, tzinfo=UTC)
    Task.objects.create(title="T", type=make.task_type(), created_at=day(-9), due_on=AT.date(),
                        **about)  # fmt: skip
    PlaybookRun.objects.create(
        playbook=make.playbook(), name="P", started_at=AT, due_on=AT.date(), **about
    )
    for rule, moment in (
        ({"test": "playbook", "state": "overdue"}, midnight),
        ({"test": "task", "state": "overdue"}, midnight),
        ({"test": "task", "state": "open", "days": 10}, day(1)),
    ):
        query = next_flips(parse_rule(rule, "company"), "company", AT, these([company.pk]))
        assert sql.rows(query.text, query.params) == [(company.pk, moment)], rule
