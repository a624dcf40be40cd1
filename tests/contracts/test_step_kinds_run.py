"""Every registered step kind keeps the contract while it runs, and what it shows stays text."""

import json
import re
from dataclasses import replace

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from pydantic import ValidationError

from csplatform.ascode.references import in_settings
from csplatform.customers.models import AttributeDefinition, ExternalId
from csplatform.kit.clock import database_now
from csplatform.kit.errors import DomainError
from csplatform.kit.schema import form_fields, parse_config
from engagements.models import Invitation
from journeys.admin.step_form import step_inputs
from journeys.engine import advance
from journeys.flow.document import find
from journeys.flow.parse import parse_flow
from journeys.flow.words import flow_words
from journeys.models import Outbox, Participant, Transition
from journeys.operations.draft import create_program
from journeys.operations.enroll import enroll
from journeys.steps.kind import CheckContext, StepBatch, StepKind, StepView, Traveller
from journeys.steps.outcome import Go
from journeys.steps.registry import step_kinds
from tests import factories as make
from tests.engagements.make import engagement

pytestmark = pytest.mark.django_db
KINDS = pytest.mark.parametrize("kind", list(step_kinds), ids=lambda kind: kind.key)
# what a step points at by id, made for it
MADE = {
    "email_template": lambda: make.mail_template().pk,
    "webhook_endpoint": lambda: make.webhook_endpoint()[0].pk,
    "engagement": lambda: engagement().pk,
    "task_type": lambda: make.task_type().pk,
    "playbook": lambda: make.playbook(subject="person").pk,
    "program": lambda: make.program(make.step("exit", "x1")).pk,
}
MARKUP = '<script>alert(1)</script>{{ 7|add:"7" }}'


def default_of(kind: StepKind):
    """What a new step starts with; kinds with required settings start with their example."""
    try:
        return kind.Config()
    except ValidationError:
        return parse_config(kind.Config, kind.example)


def flow_of(kind: StepKind, config: dict, key="k1"):
    """A flow of this step alone."""
    exits = kind.exits(parse_config(kind.Config, config))
    step = {"key": key, "kind": kind.key, "name": "One", "config": config}
    if exits:
        step["exits"] = {item.key: [] for item in exits}
    return parse_flow({"entry": {"sources": []}, "steps": [step]})


def batch_of(kind: StepKind, count: int):
    """So many travellers who have just come to the example's step."""
    config = parse_config(kind.Config, kind.example)
    step = StepView(1, "k1", kind, "One", config, 1, 1)
    subject = kind.subjects[0]
    rows = make.people(count) if subject == "person" else [make.company() for _ in range(count)]
    now = database_now()
    travellers = [
        Traveller(
            n + 1, 1, 1, row.pk if subject == "person" else None,
            row.pk if subject == "company" else None, None, 0, {}, now, "run", None,
        )
        for n, row in enumerate(rows)
    ]  # fmt: skip
    return StepBatch(step, subject, travellers, now, {"k1": step})


def run(batch: StepBatch):
    """Outcomes, in a transaction that is undone; a kind may refuse what its example points at."""
    with transaction.atomic():
        found = batch.step.kind.run(batch)
        transaction.set_rollback(True)
    return found


@KINDS
def test_the_form_holds_the_whole_config(kind):
    """What the panel would send back without a change is the same config."""
    for config in (parse_config(kind.Config, kind.example), default_of(kind)):
        stored = config.model_dump(mode="json")
        flow = flow_of(kind, stored)
        place = find(flow, "k1")
        values = read_back(step_inputs(flow, place.step, kind.subjects[0]))
        assert parse_config(kind.Config, values) == config


def read_back(inputs):
    """As the panel's script reads its inputs."""
    values = {}
    for item in inputs:
        value = item.value
        if item.fields:
            value = read_back(item.fields)
        elif item.items:
            value = [read_back(row) for row in item.items]
        elif item.template.endswith("/lines.html"):
            value = [line for line in str(item.value).split("\n") if line]
        values[item.name] = value
    return json.loads(json.dumps(values))


@KINDS
def test_fields_that_hide_follow_a_choice_that_exists(kind):
    """A field's `when` names a select of the same form and options of it."""
    fields = {field.name: field for field in form_fields(kind.Config)}
    for field in fields.values():
        for name, values in dict(field.extra).get("when", {}).items():
            assert set(values) <= {value for value, _ in fields[name].options}, field.name


@KINDS
def test_its_sentence_is_plain(kind):
    """For the example and for a new step: no keys, no numbers of rows, no full stop."""
    for config in (parse_config(kind.Config, kind.example), default_of(kind)):
        words = flow_words(flow_of(kind, config.model_dump(mode="json")), kind.subjects[0])
        sentence = words.steps["k1"].sentence
        assert sentence[:1].isupper()
        assert not sentence.endswith(".")
        assert not re.search(r"[{}\[\]]|\bk1\b|None|#\d", sentence), sentence


@KINDS
def test_what_it_points_at_is_marked_when_it_is_gone(kind):
    """An example points at things that no test has made: the check says so, at a field."""
    config = parse_config(kind.Config, kind.example)
    for subject in kind.subjects:
        references = kind.references(config)
        gone = {(what, key) for what, key in references if what != "attribute"}
        marks = kind.check(config, CheckContext(subject, 1))
        if gone:
            assert [mark for mark in marks if mark.level == "error"], gone
        fields = {field.name for field in form_fields(kind.Config)}
        assert all(mark.path.split("/")[1] in fields for mark in marks if mark.path), marks


@KINDS
def test_a_run_decides_for_everybody_by_exits_that_exist(kind):
    """One outcome each, none for others; `Go` names an exit of the step."""
    batch = batch_of(kind, 3)
    outcomes = run(batch)
    assert set(outcomes) == {1, 2, 3}
    exits = {item.key for item in kind.exits(batch.step.config)} or {"done"}
    assert all(o.exit in exits for o in outcomes.values() if isinstance(o, Go))


@KINDS
def test_a_run_that_is_repeated_decides_the_same(kind):
    """A batch whose worker died is run again with the same people and time. Rows that a step made
    get other ids, so what waits are about (`ref`) may differ."""
    batch = batch_of(kind, 20)
    first, again = ({i: undated(o) for i, o in run(batch).items()} for _ in range(2))
    assert first == again


def undated(outcome):
    """An outcome without the id of what was made."""
    return replace(outcome, ref=None) if isinstance(outcome, Go) else outcome


@KINDS
def test_one_or_a_thousand_are_the_same_number_of_queries(kind):
    """Sets, not rows."""
    counts = []
    for count in (2, 1000):
        batch = batch_of(kind, count)
        run(batch)  # what is remembered between batches is remembered
        with CaptureQueriesContext(connection) as queries:
            run(batch)
        counts.append(len(queries))
    assert counts[0] == counts[1]


@KINDS
def test_markup_is_stored_and_shown_as_text(kind, client):
    """Script and template signs in every text of the settings come out as they went in."""
    config = {**kind.example, **{
        field.name: MARKUP
        for field in form_fields(kind.Config)
        if field.widget in ("text", "textarea") and not field.provider
    }}  # fmt: skip
    try:
        parse_config(kind.Config, config)
    except DomainError:  # refused as such: nothing is stored
        config = dict(kind.example)
    step = {"key": "k1", "kind": kind.key, "name": MARKUP, "config": config}
    exits = kind.exits(parse_config(kind.Config, config))
    if exits:
        step["exits"] = {item.key: [] for item in exits}
    program = create_program(
        name=f"Of {kind.key}", type=kind.subjects[0], actor=None,
        document={"entry": {"sources": []}, "steps": [step]},
    )  # fmt: skip
    client.force_login(make.staff())
    page = client.get(f"/admin/journeys/program/{program.pk}/flow/")
    panel = client.get(f"/admin/journeys/program/{program.pk}/flow/panel/?of=k1")
    assert page.status_code == panel.status_code == 200
    shown = page.content.decode() + panel.json()["panel"]
    assert "<script>alert(1)" not in shown
    assert "&lt;script&gt;alert(1)" in shown


@KINDS
def test_its_settings_have_a_json_schema(kind):
    """For API users and editors: every setting with a title, nothing that JSON cannot say."""
    schema = json.loads(json.dumps(kind.Config.model_json_schema()))
    assert schema["additionalProperties"] is False
    assert all(item.get("title") for item in schema.get("properties", {}).values())


@KINDS
def test_an_unchanged_config_needs_no_reason_but_a_new_version(kind):
    """Amending is refused as a whole ("version") or not at all; no mark about a field."""
    config = parse_config(kind.Config, kind.example)
    marks = kind.may_amend(config, config)
    assert all(mark.code == "version" for mark in marks)


@KINDS
def test_who_came_once_is_recorded_once(kind, run_lanes):
    """Through the engine: workers that look again with the same ids double nothing."""
    subject = kind.subjects[0]
    config = in_settings(
        kind.Config, dict(kind.example), subject, "", lambda of, value, path: MADE[of]()
    )
    AttributeDefinition.objects.get_or_create(
        subject=subject, name="persona", defaults={"label": "Persona", "type": "text"}
    )
    step = make.step(kind.key, "k1", **config)
    exits = kind.exits(parse_config(kind.Config, config))
    program = make.program(
        {**step, "exits": {e.key: [] for e in exits}} if exits else step, type=subject
    )
    row = make.person() if subject == "person" else make.company()
    if subject == "person":
        ExternalId.objects.create(person=row, kind="user_id", value="u-1")
    assert enroll(program.pk, [row.pk], actor=None).entered == 1
    ids = make.ids(Participant.objects.all())
    rows = Transition.objects.filter(program_id=program.pk)
    for _ in range(3):
        advance.run_ids(ids)
    told = list(rows.values_list("kind", "exit").order_by("id"))
    assert len(told) == len(set(told)) > 1, told
    assert "fail" not in {what for what, _ in told}
    run_lanes()
    advance.run_ids(ids)
    told = list(rows.values_list("kind", "exit").order_by("id"))
    assert len(told) == len(set(told)), told
    assert Outbox.objects.count() <= 1
    assert Invitation.objects.count() <= 1
