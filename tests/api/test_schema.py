"""The API against its own schema: Schemathesis over every operation (API-01, REL-03)."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from django.conf import LazySettings
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from csplatform.customers.models import AttributeDefinition, Event, EventName, Source
from csplatform.customers.operations.events import EventInput, record_events
from csplatform.failures.models import Failure
from csplatform.kit.clock import now
from csplatform.segments.operations.definition import SegmentInput, save_segment
from engagements.inapp.models import Engagement, Invitation
from engagements.inapp.operations.drafts import create_engagement
from journeys.models import Folder, Outbox, Participant, ProgramVersion
from journeys.operations.enroll import enroll
from journeys.playbooks.operations.runs import assign_playbook
from journeys.playbooks.subjects import Subject
from tests import factories
from tests.api.conftest import make_key

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EXAMPLES = 10
_application = WSGIHandler()
_ids: dict[str, int] = {}
_headers: dict[str, str] = {}


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
    """The site; what a request did is undone, so that every example meets the same rows."""
    with transaction.atomic():
        answer = _application(environ, start_response)
        transaction.set_rollback(True)
    return answer


def map_path_parameters(context: Any, path_parameters: dict[str, Any] | None) -> Any:
    """Two of three requests go to a row that is there."""
    for name, value in (path_parameters or {}).items():
        resource = context.operation.path.removeprefix("/api/v1/").split("/")[0]
        if len(str(value)) % 3 and resource in _ids:
            path_parameters = {**(path_parameters or {}), name: _ids[resource]}
    return path_parameters


@pytest.fixture
def _one_connection(db: None) -> Iterator[None]:
    """Requests stay in the test's transaction, as those of Django's own client do."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def api_schema(_one_connection: None, settings: LazySettings) -> Any:
    """The schema as the site gives it, and a row of everything."""
    settings.API_REQUESTS_PER_MINUTE = 10**9
    _ids.clear()
    _ids.update(_rows())
    _headers["Authorization"] = f"Bearer {make_key(factories.staff())}"
    loaded = schemathesis.openapi.from_wsgi("/api/schema/", application, headers=_headers)
    loaded.hook(map_path_parameters)
    return loaded


def _rows() -> dict[str, int]:
    """Id of a row of each resource."""
    company = factories.company(domains=["acme.example"], tags=["a"], arr=12, csm=factories.staff())
    person = factories.person(at=company)
    definition = AttributeDefinition.objects.create(
        subject="person", name="plan", label="Plan", type="choice", choices=["free"]
    )
    source = Source.objects.create(name="Site")
    record_events([EventInput("report.made", person_id=person.pk)])
    segment = save_segment(SegmentInput("List", kind="static"), actor=None)
    program = factories.program(factories.step("wait_timer", "w1", amount=3, unit="days"))
    program.folder = Folder.objects.create(name="Folder")
    program.save()
    enroll(program.pk, [person.pk], actor=None)
    engagement = create_engagement("Dialog", kind="dialog", actor=None)
    invitation = Invitation.objects.create(
        engagement=Engagement.objects.get(), person=person, participant_id=1, program_id=1,
        step_id=1, step_key="a1", created_at=now(),
    )  # fmt: skip
    return {
        "companies": company.pk,
        "people": person.pk,
        "attributes": definition.pk,
        "events": Event.objects.get().pk,
        "event-names": EventName.objects.get().pk,
        "sources": source.pk,
        "segments": segment.pk,
        "mail-templates": factories.mail_template().pk,
        "webhook-endpoints": factories.webhook_endpoint()[0].pk,
        "program-folders": program.folder.pk,
        "programs": program.pk,
        "program-versions": ProgramVersion.objects.get().pk,
        "participants": Participant.objects.get().pk,
        "messages": Outbox.objects.create(created_at=now(), state="uncertain").pk,
        "engagements": engagement.pk,
        "invitations": invitation.pk,
        "failures": _failure().pk,
        **_work(company.pk),
    }


def _work(company_id: int) -> dict[str, int]:
    book = factories.playbook()
    (run,) = assign_playbook(book.pk, [Subject(company_id=company_id)], actor=None)
    task = factories.task(company_id=company_id)
    return {"tasks": task.pk, "task-types": factories.task_type().pk, "playbook-runs": run.run_id,
            "playbooks": factories.playbook().pk}  # fmt: skip


def _failure() -> Failure:
    return Failure.objects.create(work="w", kind="work", first_at=now(), last_at=now())


schema = schemathesis.pytest.from_fixture("api_schema")


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_no_request_gets_a_5xx_or_an_answer_that_the_schema_does_not_know(case: Any) -> None:
    case.call_and_validate(checks=CHECKS, headers=_headers)
