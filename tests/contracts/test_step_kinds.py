"""Every registered step kind keeps the contract (journeys/steps/kind.py)."""

import pytest

from csplatform.kit.clock import database_now
from csplatform.kit.errors import DomainError
from csplatform.kit.schema import form_fields, parse_config
from journeys.flow.document import dump
from journeys.flow.parse import parse_flow
from journeys.steps.kind import StepBatch, StepKind, StepView
from journeys.steps.registry import step_kinds

pytestmark = pytest.mark.django_db
KINDS = pytest.mark.parametrize("kind", list(step_kinds), ids=lambda kind: kind.key)


def config_of(kind: StepKind):
    """The kind's own example."""
    return parse_config(kind.Config, kind.example)


@KINDS
def test_the_example_survives_a_round_trip(kind):
    """Config to JSON and back is the same."""
    config = config_of(kind)
    assert parse_config(kind.Config, config.model_dump(mode="json")) == config


@KINDS
def test_unknown_settings_are_refused_with_their_path(kind):
    """A typing error in a document must not pass silently."""
    with pytest.raises(DomainError) as caught:
        parse_config(kind.Config, {**kind.example, "nonsense": 1}, "/config")
    assert "/config/nonsense" in [problem.path for problem in caught.value.problems]


@KINDS
def test_it_speaks_in_words(kind):
    """A sentence for the card, one for the palette, a form for the panel."""
    assert kind.words(config_of(kind), {}).strip()
    assert kind.sentence.endswith(".")
    assert all(field.label for field in form_fields(kind.Config))


@KINDS
def test_exits_have_distinct_keys_and_labels(kind):
    """An exit's key is what documents and transitions name."""
    exits = kind.exits(config_of(kind))
    assert len({item.key for item in exits}) == len(exits)
    assert all(item.key and item.label for item in exits)


@KINDS
def test_nobody_in_nothing_out(kind):
    """An empty batch decides nothing and writes nothing."""
    step = StepView(1, "k1", kind, "name", config_of(kind), 1, 1)
    batch = StepBatch(step, kind.subjects[0], [], database_now(), {"k1": step})
    assert kind.run(batch) == {}


@KINDS
def test_a_document_with_it_is_read_and_written(kind):
    """dump(parse(x)) == x."""
    step = {"key": "k1", "kind": kind.key, "name": "One", "config": dict(kind.example)}
    exits = kind.exits(config_of(kind))
    if exits:
        step["exits"] = {item.key: [] for item in exits}
    document = {"entry": {}, "steps": [step]}
    assert dump(parse_flow(document)) == document
