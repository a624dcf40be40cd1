"""Models of programs: one test per cell of the table in docs/programs.md (PRG-02)."""

from pathlib import Path

import pytest
from django.conf import settings
from django.urls import reverse

from csplatform.kit.errors import DomainError
from csplatform.kit.registry import RegistrationError
from journeys.admin.flow_page import palette_of
from journeys.flow.checks import check_flow, errors
from journeys.flow.document import dump, walk
from journeys.flow.edit import new_step
from journeys.flow.models import ProgramModel, flow_of, objections, program_models
from journeys.flow.parse import parse_flow
from journeys.models import Program
from journeys.operations.draft import clone_program, create_program, save_draft
from journeys.operations.publish import publish_program
from journeys.steps.registry import GROUPS, step_kinds
from tests import factories as make

pytestmark = pytest.mark.django_db
SUBJECTS = {"person": "people", "company": "companies"}
CELLS = [(model.key, subject) for model in program_models for subject in SUBJECTS]
STEPS = [
    (model.key, subject, kind.key)
    for model in program_models
    for subject in model.flows
    for kind in step_kinds
    if subject in kind.subjects
]


def in_words(model):
    """The row of a model in the guide."""
    whom = ", ".join(SUBJECTS[subject] for subject in model.flows)
    starts = {
        subject: ", ".join(
            step_kinds.get(place.step.kind).label for place in walk(parse_flow(document))
        )
        for subject, document in model.flows.items()
    }
    same = len(set(starts.values())) == 1
    begins = next(iter(starts.values())) if same else ", ".join(
        f"{text} ({SUBJECTS[subject]})" for subject, text in starts.items()
    )  # fmt: skip
    takes = "every step" if model.groups == GROUPS else ", ".join(model.groups)
    most = [f"{n} {word}" for n, word in ((model.max_steps, "step"), (model.max_sources, "source"))
            if n]  # fmt: skip
    takes += f"; at most {', '.join(most)}" if most else ""
    needs = ", ".join(model.required) or "–"
    return f"| {model.label} | {whom} | {begins or 'nothing'} | {takes} | {needs} |"


@pytest.mark.parametrize("key", program_models.keys())
def test_the_guide_says_what_the_registry_says(key):
    """The table is written by hand for reading, and held to the registry here."""
    guide = (Path(settings.BASE_DIR) / "docs" / "programs.md").read_text()
    assert in_words(program_models.get(key)) in guide


@pytest.mark.parametrize(("key", "subject"), CELLS)
def test_who_travels_it_and_what_it_starts_with(key, subject):
    """Cells “For” and “Starts with”: the draft is there, or the model refuses the subject."""
    model = program_models.get(key)
    if subject not in model.flows:
        with pytest.raises(DomainError, match="only"):
            create_program(name="P", type=subject, model=key, actor=None)
        return
    program = create_program(name="P", type=subject, model=key, actor=None)
    flow = parse_flow(program.draft)
    assert dump(flow)["steps"] == dump(parse_flow(dict(model.flows[subject])))["steps"]
    marks = errors(check_flow(flow, subject=subject, program_id=program.pk))
    assert {mark.code for mark in marks} <= {"missing", "empty", "model"}
    assert not [m for m in marks if m.code == "model" and m.step_key]


@pytest.mark.parametrize(("key", "subject", "kind_key"), STEPS)
def test_which_steps_it_takes(key, subject, kind_key):
    """Cell “Takes”, step kind by step kind: the palette offers what the checks let through."""
    model, kind = program_models.get(key), step_kinds.get(kind_key)
    offered = {k.key for _, kinds in palette_of(subject, key) for k in kinds}
    document = {"entry": {"sources": [{"kind": "segment", "segment": 1}]}, "steps": []}
    flow = parse_flow(document)
    step = new_step(kind, key="ab")
    marks = list(objections(key, parse_flow({**dump(flow), "steps": [dump_of(step)]})))
    assert (kind_key in offered) == model.allows(kind) == (not marks)
    for mark in marks:
        assert mark.step_key == "ab"
        assert "delete it" in mark.message


def dump_of(step):
    """A step as JSON."""
    return {"key": step.key, "kind": step.kind, "name": step.name, "config": dict(step.config),
            "exits": {key: [] for key in step.exits}}  # fmt: skip


@pytest.mark.parametrize("key", program_models.keys())
def test_what_it_needs_and_how_much_it_takes(key):
    """Cell “Needs”: a missing source, one source or one step too many are marked in their place."""
    model = program_models.get(key)
    subject = next(iter(model.flows))
    start = flow_of(key, subject)
    asked = {o.path for o in objections(key, parse_flow(start))}
    assert ("/entry/sources" in asked) == model.needs_source
    sources = [{"kind": "segment", "segment": n} for n in range(1, 9)]
    given = {**start, "entry": {"sources": sources}}
    many = {o.path for o in objections(key, parse_flow(given))}
    assert (f"/entry/sources/{model.max_sources}" in many) == (model.max_sources is not None)
    kind = next(k for k in step_kinds if model.allows(k) and subject in k.subjects and not k.ends)
    steps = [dump_of(new_step(kind, key=f"s{n}")) for n in range(9)]
    marked = [o.step_key for o in objections(key, parse_flow({**given, "steps": steps}))
              if o.step_key]  # fmt: skip
    assert marked == ([f"s{n}" for n in range(model.max_steps, 9)] if model.max_steps else [])


def test_publishing_what_the_model_does_not_take_is_refused():
    """The editor's marks block publishing, over the API as well."""
    program = create_program(name="P", model="simple", actor=None)
    document = make.flow(make.step("wait_timer", "w1"))
    save_draft(program.pk, document, revision=0, actor=None)
    with pytest.raises(DomainError) as caught:
        publish_program(program.pk, actor=None)
    assert {p.path: p.code for p in caught.value.problems} == {
        "/entry/sources": "model", "/steps/0": "model",
    }  # fmt: skip


def test_a_clone_keeps_the_model():
    """And an unknown model is told, not passed over."""
    program = create_program(name="P", model="email_chain", actor=None)
    assert clone_program(program.pk, actor=None).model == "email_chain"
    Program.objects.filter(pk=program.pk).update(model="gone")
    marks = check_flow(parse_flow(program.draft), subject="person", program_id=program.pk)
    assert "unknown_model" in {mark.code for mark in marks}


def test_a_bad_model_stops_the_start():
    """As every bad registration."""
    bad = ProgramModel("bad", "Bad", "Bad.", "x", {"person": {"steps": [{}]}})
    with pytest.raises(RegistrationError):
        program_models.register("bad", bad)


def test_the_contract_carries_what_later_models_need():
    """Escalation on by default, a context id per participant (NPS and CSAT come with surveys)."""
    later = ProgramModel(
        "csat", "CSAT", "After a ticket.", "star", {"person": {"steps": []}},
        needs_context_id=True, settings={"escalation": True},
    )  # fmt: skip
    with program_models.temporarily("csat", later):
        assert later.required == ("a context id per participant",)
        assert later.settings["escalation"] is True


def test_a_program_is_made_with_the_model_of_its_card(client):
    """From the gallery's card to the editor; the list filters by model."""
    client.force_login(make.staff("program_manager"))
    page = client.get(reverse("admin:journeys_program_add") + "?model=email_chain").text
    assert 'value="email_chain"' in page
    values = {"name": "Chain", "type": "person", "program_model": "email_chain",
              "description": ""}  # fmt: skip
    client.post(reverse("admin:journeys_program_add"), values)
    program = Program.objects.get()
    assert program.model == "email_chain"
    url = reverse("admin:journeys_program_changelist")
    assert "Chain" in client.get(url, {"model": "email_chain"}).text
    assert "Nothing matches" in client.get(url, {"model": "simple"}).text
