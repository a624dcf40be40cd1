"""Programs start from templates (PRG-01)."""

import pytest
from django.urls import reverse

from journeys.flow.checks import check_flow, errors
from journeys.flow.parse import parse_flow
from journeys.flow.templates import flow_templates
from journeys.models import Program
from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("key", flow_templates.keys())
def test_a_template_leaves_open_only_what_the_installation_knows(key):
    """Every error that is left asks for a choice."""
    template = flow_templates.get(key)
    left = errors(check_flow(parse_flow(template.document), subject=template.type, program_id=0))
    assert {mark.code for mark in left} <= {"missing"}


def test_a_new_program_starts_from_a_template(client):
    """The flow is there when the editor opens."""
    client.force_login(make.staff("program_manager"))
    url = reverse("admin:journeys_program_add")
    data = {"name": "Hello", "type": "person", "template": "mail_and_reminder", "description": ""}
    response = client.post(url, data)
    program = Program.objects.get()
    assert response["Location"] == reverse("admin:journeys_program_flow", args=[program.pk])
    assert [step["key"] for step in program.draft["steps"]] == ["mail", "opened"]


def test_a_template_of_the_other_type_is_refused(client):
    """With a sentence at the field; nothing is made."""
    client.force_login(make.staff("program_manager"))
    data = {"name": "Hello", "type": "person", "template": "large_accounts", "description": ""}
    response = client.post(reverse("admin:journeys_program_add"), data)
    assert "for the other type of program" in response.content.decode()
    assert not Program.objects.exists()
