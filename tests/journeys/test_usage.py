"""What a program uses cannot vanish under it."""

import pytest

from csplatform.customers.admin.attributes import used_by
from csplatform.customers.models import AttributeDefinition
from csplatform.segments.models import Segment
from journeys.operations.draft import save_draft
from journeys.operations.publish import publish_program
from journeys.operations.templates import programs_using
from journeys.usage import programs_using_segment
from tests import factories as make

pytestmark = pytest.mark.django_db


def test_attributes_are_found_in_steps_and_rules():
    """RUL-01, PRG-07: as the target of a step, and deep inside a rule of a branch."""
    plan = AttributeDefinition.objects.create(
        subject="person", name="plan", label="Plan", type="text"
    )
    other = AttributeDefinition.objects.create(
        subject="person", name="other", label="Other", type="text"
    )
    rule = {"any": [{"not": {"test": "attribute", "name": "plan", "operator": "set"}}]}
    branch = make.step(
        "if_else", "ie", paths=[{"key": "yes", "label": "Y", "rule": rule}],
        exits={"yes": [], "else": []},
    )  # fmt: skip
    program = make.program(branch, publish=False)
    assert used_by(plan) == [f"Program “{program}”"]
    assert used_by(other) == []


def test_segments_are_found_as_source_and_in_the_goal():
    """SEG-01: used-by list."""
    source, goal = (Segment.objects.create(name=name, subject="person") for name in "AB")
    program = make.program(
        make.step("exit", "ex"),
        entry={"sources": [{"kind": "segment", "segment": source.pk}]},
        goal={"test": "segment", "segment": goal.pk},
        publish=False,
    )
    assert [use.label for use in programs_using_segment(source)] == [program.name]
    assert [use.label for use in programs_using_segment(goal)] == [program.name]


def test_a_mail_of_an_older_version_is_still_in_use():
    """PRG-42: people stay on the version that they entered, so its mail must stay too."""
    mail = make.mail_template()
    program = make.program(make.step("send_email", "ml", template=mail.pk))
    save_draft(
        program.pk, make.flow(make.step("exit", "ex")), revision=program.draft_revision, actor=None
    )
    publish_program(program.pk, actor=None)
    assert programs_using(mail.pk) == [program.name]
    assert programs_using(mail.pk + 1) == []
