"""Whatever can be built comes back the same from another database (PRG-47)."""

import itertools

import pytest
from django.core.management import call_command
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from csplatform.ascode.exporting import export_text
from csplatform.ascode.importing import import_text
from csplatform.ascode.kind import export_kinds, kind_of
from csplatform.customers.models import AttributeDefinition
from csplatform.kit.blocks import block_kinds
from csplatform.segments.models import Segment
from csplatform.segments.operations.definition import SegmentInput, save_segment
from engagements.inapp.models import Engagement
from journeys.models import EmailTemplate, Folder, Program, WebhookEndpoint
from journeys.operations.draft import create_program
from journeys.operations.templates import TemplateInput, save_template
from tests import factories as make
from tests.rules.worlds import declare, rules

pytestmark = pytest.mark.django_db
QUIET = settings(
    max_examples=25, deadline=None, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
words = st.text(
    st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="{}"), min_size=1,
    max_size=60,
).filter(lambda text: text == text.strip() and text)  # fmt: skip
lines = st.lists(words, min_size=1, max_size=4).map("\n".join)
numbers = itertools.count(1)


@st.composite
def sequences(draw, mails, segments, depth=0):
    """Steps of several kinds, nested, that point at mails and segments."""
    kinds = ["send_email", "wait_timer", "set_attribute"]
    kinds += ["conditional_wait", "if_else", "split"] if depth < 2 else []
    found = []
    for kind in draw(st.lists(st.sampled_from(kinds), max_size=3)):
        key, name = f"s{next(numbers)}", draw(words)
        in_segment = {"test": "segment", "segment": draw(st.sampled_from(segments))}
        rule = draw(st.sampled_from([in_segment, {"not": in_segment}, {"any": [in_segment]}]))
        config, exits = {}, ()
        if kind == "send_email":
            config = {"template": draw(st.sampled_from(mails))}
        elif kind == "wait_timer":
            config = {"amount": draw(st.integers(1, 3650)), "unit": "hours"}
        elif kind == "set_attribute":
            config = {"attribute": "role", "value": draw(words)}
        elif kind == "conditional_wait":
            config, exits = {"conditions": [{"type": "rule", "rule": rule}]}, ("met", "not_met")
        elif kind == "if_else":
            config = {"paths": [{"key": "b", "label": draw(words), "rule": rule}]}
            exits = ("b", "else")
        else:
            shares = [{"key": "a", "label": "A", "percent": 40},
                      {"key": "c", "label": "C", "percent": 60}]  # fmt: skip
            config, exits = {"groups": shares}, ("a", "c")
        inner = {e: draw(sequences(mails, segments, depth + 1)) for e in exits}
        found.append(make.step(kind, key, name=name, exits=inner, **config))
    return found


def everything():
    """All documents."""
    pairs = [(kind, row) for kind in export_kinds for row in kind.model.objects.order_by("pk")]
    return export_text(pairs, actor=None)


def goes_and_comes():
    """Export, import unchanged, empty the database, import, export."""
    text = everything()
    assert {c.what for c in import_text(text, actor=None).changes} <= {"unchanged"}
    for model in (Program, EmailTemplate, WebhookEndpoint, Engagement, Segment, Folder):
        model.objects.all().delete()
    import_text(text, actor=None)
    assert everything() == text


@QUIET
@given(st.data())
def test_random_programs_come_back(data):
    """Flows of any shape, with names and rules of any letters."""
    for model in (Program, EmailTemplate, Segment):
        model.objects.all().delete()
    segments = [
        save_segment(SegmentInput(f"{data.draw(words)[:80]} {next(numbers)}"), actor=None).pk
        for _ in range(2)
    ]
    mails = [make.mail_template(name=f"{data.draw(words)} {next(numbers)}").pk for _ in range(2)]
    goal = {"test": "segment", "segment": segments[0]}
    document = make.flow(
        *data.draw(sequences(mails, segments)),
        entry={"sources": [{"kind": "segment", "segment": data.draw(st.sampled_from(segments))}]},
        **data.draw(st.sampled_from([{}, {"goal": goal, "goal_exits": False}])),
    )
    create_program(name=data.draw(words), description=data.draw(lines), document=document,
                   actor=None)  # fmt: skip
    goes_and_comes()


@QUIET
@given(st.data())
def test_random_rules_come_back(data):
    """Segments of both subjects, whatever the rule."""
    if not AttributeDefinition.objects.exists():
        declare()
    Segment.objects.all().delete()
    for subject in ("person", "company"):
        rule = data.draw(rules(subject))
        save_segment(SegmentInput(f"{subject} {next(numbers)}", data.draw(lines), subject,
                                  rule=rule), actor=None)  # fmt: skip
    goes_and_comes()


@QUIET
@given(st.lists(st.tuples(st.sampled_from(["heading", "text", "list"]), lines), min_size=1))
def test_random_mails_come_back(parts):
    """Texts of several lines, quotes, colons, dashes, emojis."""
    EmailTemplate.objects.all().delete()
    blocks = []
    for kind, text in parts[:20]:
        blocks.append({"kind": "list", "items": text.split("\n")} if kind == "list"
                      else {"kind": kind, "text": text[:300]})  # fmt: skip
    blocks = [b for b in blocks if b["kind"] in block_kinds]
    save_template(TemplateInput(f"Mail {next(numbers)}", "Hi: 'you' # no", blocks=blocks),
                  actor=None)  # fmt: skip
    goes_and_comes()


@pytest.mark.slow
def test_everything_of_the_demo_tenant_comes_back(settings, tmp_path):
    """Unchanged it writes nothing; the drafts of its programs come back under other names."""
    settings.DATA_DIR = tmp_path
    call_command("demo_tenant", verbosity=0)
    text = everything()
    assert {c.what for c in import_text(text, actor=None).changes} == {"unchanged"}
    program = Program.objects.get(name="Win back quiet people")
    one = export_text([(kind_of(Program), program)], actor=None)
    copied = one.replace("name: Win back quiet people", "name: Copy", 1)
    assert import_text(copied, actor=None).changes[0].what == "created"
    copy = Program.objects.get(name="Copy")
    assert copy.draft == program.draft
    assert copy.folder == program.folder
