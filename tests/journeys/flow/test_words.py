"""Every step in plain words, with names instead of numbers (PRG-04)."""

import pytest

from csplatform.segments.models import Segment
from journeys.flow.document import Flow
from journeys.flow.parse import parse_flow
from journeys.flow.words import flow_words
from tests import factories as make

pytestmark = pytest.mark.django_db
ADMINS = {"all": [{"test": "attribute", "name": "role", "operator": "equals", "value": "admin"}]}


def words(*steps, **more):
    return flow_words(parse_flow(make.flow(*steps, **more)), "person")


def test_names_of_mails_and_segments_stand_in_the_sentences():
    mail = make.mail_template(name="Welcome to Acme")
    segment = Segment.objects.create(name="New trials", subject="person", kind="static")
    found = words(
        make.step("send_email", "ml", template=mail.pk),
        make.step("wait_timer", "w1", amount=1, unit="days"),
        entry={"sources": [{"kind": "segment", "segment": segment.pk}], "include_existing": False},
    )
    assert found.steps["ml"].sentence == "Sends “Welcome to Acme” to the person"
    assert found.steps["w1"].sentence == "Waits 1 day"
    assert found.names[f"segment:{segment.pk}"] == "New trials"
    assert found.entry == "Newcomers only; each only once."


def test_paths_tell_who_takes_them():
    found = words(
        make.step(
            "if_else", "ie", paths=[{"key": "yes", "label": "Admins", "rule": ADMINS}],
            exits={"yes": [], "else": []},
        )
    )  # fmt: skip
    yes, other = found.steps["ie"].exits
    assert yes.label == "Admins"
    assert "admin" in yes.detail
    assert (other.label, other.detail) == ("Else", "")


def test_a_rule_in_a_wait_is_told_in_words():
    found = words(
        make.step(
            "conditional_wait", "cw", conditions=[{"type": "rule", "rule": ADMINS}],
            exits={"met": [], "not_met": []},
        )
    )  # fmt: skip
    assert "admin" in found.steps["cw"].sentence


def test_broken_and_unknown_steps_have_words_too():
    found = words(
        make.step("send_email", "ml", template="many"),
        make.step("teleport", "tp", name="Beam up", exits={"a_b": []}),
    )
    assert found.steps["ml"].sentence.startswith("Not complete yet")
    assert found.steps["tp"].title == "Beam up"
    assert found.steps["tp"].exits[0].label == "A b"
    assert flow_words(Flow({"sources": "?"}, ()), "person").entry.startswith("Only those enter")


def test_the_number_of_queries_does_not_grow_with_the_steps(django_assert_max_num_queries):
    mails = [make.mail_template() for _ in range(20)]
    steps = [make.step("send_email", f"m{i}", template=mail.pk) for i, mail in enumerate(mails)]
    with django_assert_max_num_queries(2):
        words(*steps)
