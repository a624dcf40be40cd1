"""What a participant came with: in mails, in conditions, over the API, as code (PRG-06, 20, 47)."""

import pytest

from csplatform.ascode.exporting import export_text
from csplatform.ascode.kind import export_kinds
from csplatform.kit.errors import DomainError
from journeys.emails.context import Recipient, load_values
from journeys.emails.tokens import known_tokens
from journeys.engine.candidates import Candidate
from journeys.flow.checks import check_flow
from journeys.flow.diff import diff_words
from journeys.flow.parse import parse_flow
from journeys.flow.words import flow_words
from journeys.models import Participant, Transition
from journeys.operations.enroll import enroll
from tests import factories as make

pytestmark = [pytest.mark.smoke, pytest.mark.django_db]

HIGH = {"property": "severity", "operator": "equals", "value": "high"}


def test_mails_know_the_fields_that_sources_bring():
    """PRG-20, 90: what nobody brings is unknown; what this one lacks is empty."""
    entry = {"sources": [{"kind": "event", "event": "x", "fields": [
        {"field": "agent", "property": "a"}]}], "api_fields": ["plan"]}  # fmt: skip
    program = make.program(make.step("wait_timer", "w1"), entry=entry)
    assert {"participant.agent", "participant.plan"} <= known_tokens()
    assert "participant.agnet" not in known_tokens()
    person = make.person()
    enroll(program.pk, [Candidate(person.pk, "T1", {"agent": "Kim"})], actor=None)
    run = Participant.objects.get()
    [values] = load_values([Recipient(person.pk, participant_id=run.pk, program_id=program.pk)])
    assert values["participant.agent"] == "Kim"
    assert values["participant.plan"] is None
    assert values["participant.context_id"] == "T1"


def test_if_else_asks_what_somebody_came_with(run_lanes):
    """PRG-06: together with a rule, and told in the evidence."""
    paths = [{"key": "yes", "label": "High", "rule": {}, "fields": [HIGH]}]
    program = make.program(
        make.step("if_else", "ie", paths=paths,
                  exits={"yes": [make.step("exit", "e1", reason="high")], "else": []}),
        make.step("wait_timer", "w1"),
    )  # fmt: skip
    high, low = make.person(), make.person()
    given = [Candidate(high.pk, "", {"severity": "HIGH"}), Candidate(low.pk, "", {"severity": 1})]
    enroll(program.pk, given, actor=None)
    run_lanes()
    assert Participant.objects.get(person=high).state == "completed"
    assert Participant.objects.get(person=low).state == "active"
    told = Transition.objects.filter(kind="go", exit="yes").get()
    assert "severity" in told.evidence["rule"]


def test_a_conditional_wait_asks_for_fields_and_the_context_id(run_lanes):
    """PRG-06: a condition of its own kind."""
    condition = {"type": "field", "test": {
        "property": "context_id", "operator": "starts_with", "value": "VIP"}}  # fmt: skip
    program = make.program(
        make.step("conditional_wait", "cw", conditions=[condition], amount=3, unit="days",
                  exits={"met": [make.step("exit", "e1", reason="vip")], "not_met": []}),
    )  # fmt: skip
    vip, other = make.person(), make.person()
    enroll(program.pk, [Candidate(vip.pk, "VIP-1"), Candidate(other.pk, "X-1")], actor=None)
    run_lanes()
    assert Participant.objects.get(person=vip).state == "completed"
    assert Participant.objects.get(person=other).phase == "waiting"


@pytest.mark.parametrize(
    "fields", [{"Bad Name": 1}, {"a": {"b": 1}}, {"a": "x" * 3000}, {"a": "nul\x00"}]
)
def test_fields_that_are_none_are_refused_with_their_place(fields):
    """Bad input: nobody enters."""
    program = make.program(make.step("wait_timer", "w1"))
    with pytest.raises(DomainError) as refused:
        enroll(program.pk, [Candidate(make.person().pk, "", fields)], actor=None)
    assert refused.value.problems[0].path.startswith("/0/fields/")
    assert not Participant.objects.exists()


def test_entry_and_leaving_are_told_compared_and_exported():
    """PRG-04, 42, 47: words, differences, and references by name."""
    other = make.program(make.step("wait_timer", "w1"))
    program = make.program(
        make.step("wait_timer", "w1"), publish=False,
        entry={"sources": [{"kind": "event", "event": "ticket", "where": [HIGH]}],
               "unique_by": ["email"], "unique_period": "month", "re_enrolment": "after_days"},
        leaving={"unenrol": "chosen", "unenrol_programs": [other.pk]},
        control={"percent": 10, "days": 20},
    )  # fmt: skip
    flow = parse_flow(program.draft)
    words = flow_words(flow, "person")
    assert "event “ticket” where severity is “high”" in words.title.lower().replace(
        "event", "event"
    )
    assert "per address and month" in words.entry
    assert f"“{other.name}”" in words.leaving[0]
    assert words.leaving[1].startswith("Holds out 10 %")
    told = " ".join(diff_words(parse_flow({"steps": program.draft["steps"]}), flow, "person"))
    assert "added the source Event" in told
    assert "Control group: Hold out (percent)" in told
    text = export_text([(export_kinds.get("program"), program)], actor=None)
    assert other.name in text
    assert "unique_by" in text


@pytest.mark.parametrize(
    ("entry", "path"),
    [
        ({"sources": [{"kind": "csv", "list": 99}]}, "/entry/sources/0"),
        ({"sources": [{"kind": "segment", "segment": 99}]}, "/entry/sources/0"),
        ({"sources": [{"kind": "query", "rule": {}}]}, "/entry/sources/0/rule"),
        ({"sources": [{"kind": "query", "rule": {"test": "attribute", "name": "gone",
          "operator": "set"}}]}, "/entry/sources/0/rule/name"),
        ({"sources": [{"kind": "event"}]}, "/entry/sources/0/event"),
        ({"sources": [{"kind": "pigeon"}]}, "/entry/sources/0"),
        ({"sources": [{"kind": "event", "event": "email.opened"}], "re_enrolment": "every_time"},
         "/entry/sources/0/event"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_source_is_said_at_its_place(entry, path):
    """PRG-11: deleted attributes, files and segments, unknown kinds, circles."""
    mail = make.mail_template()
    program = make.program(
        make.step("send_email", "ml", template=mail.pk), entry=entry, publish=False
    )
    marks = check_flow(parse_flow(program.draft), subject="person", program_id=program.pk)
    assert path in {mark.path for mark in marks if mark.level == "error"}
