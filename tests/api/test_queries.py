"""A list costs the same number of queries for 1 row and for 50 (API-01)."""

from collections.abc import Callable
from itertools import count as counting
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from csplatform.accounts.models import AuditEntry
from csplatform.api.routes import routes
from csplatform.billing.models import Invoice, Subscription
from csplatform.customers.models import AttributeDefinition, CompanyActivity, ExternalId, Source
from csplatform.customers.operations.events import EventInput, record_events
from csplatform.failures.models import Failure
from csplatform.health.models import HealthProfile, HealthScore
from csplatform.imports.operations import upload
from csplatform.kit.clock import now
from csplatform.segments.models import Member
from csplatform.segments.operations.definition import SegmentInput, save_segment
from csplatform.segments.operations.membership import add_members
from csplatform.usage.operations.tree import PartInput, save_part
from engagements.inapp.models import Engagement, Invitation
from journeys.consent.operations import note_bounce, save_category
from journeys.models import Folder, MailOptOut, Outbox
from journeys.operations.enroll import enroll
from journeys.playbooks.operations.runs import assign_playbook
from journeys.playbooks.subjects import Subject
from tests import factories
from tests.api.conftest import Caller

pytestmark = pytest.mark.django_db
_numbers = counting(1)


def _people(count: int) -> None:
    for person in factories.people(count):
        ExternalId.objects.create(person=person, value=f"u{person.pk}")


def _members_of_companies(count: int) -> None:
    for _ in range(count):
        factories.person(at=factories.company())


def _companies(count: int) -> None:
    user = factories.staff()
    for _ in range(count):
        company = factories.company(csm=user, parent=factories.company())
        CompanyActivity.objects.create(company=company, first_seen_at=now(), last_seen_at=now())


def _attributes(count: int) -> None:
    for _ in range(count):
        AttributeDefinition.objects.create(
            subject="person", name=f"a{next(_numbers)}", label="A", type="text"
        )


def _events(count: int) -> None:
    person = factories.person()
    record_events(
        [EventInput(f"event.{next(_numbers)}", person_id=person.pk) for _ in range(count)]
    )


def _segments(count: int) -> None:
    for _ in range(count):
        save_segment(SegmentInput(f"Segment {next(_numbers)}"), actor=None)


def _participants(count: int) -> None:
    program = factories.program(factories.step("wait_timer", "w1", amount=3, unit="days"))
    enroll(program.pk, [p.pk for p in factories.people(count)], actor=None)


def _programs(count: int) -> None:
    for _ in range(count):
        made = factories.program(factories.step("exit", "e1"))
        made.folder = Folder.objects.create(name=f"F{next(_numbers)}")
        made.created_by = factories.staff()
        made.save()


def _folders(count: int) -> None:
    Folder.objects.bulk_create(Folder(name=f"F{next(_numbers)}") for _ in range(count))


def _refusals(count: int) -> None:
    mail = factories.mail_template()
    program = factories.program(factories.step("send_email", "ml", template=mail.pk))
    people = [factories.person(email=None).pk for _ in range(count)]
    enroll(program.pk, people, actor=None)


def _messages(count: int) -> None:
    Outbox.objects.bulk_create(Outbox(created_at=now()) for _ in range(count))


def _engagements(count: int) -> None:
    for number in range(count):
        Engagement.objects.create(name=f"E{number}", kind="dialog")


def _invitations(count: int) -> None:
    engagement = Engagement.objects.create(name="E", kind="dialog")
    for number, person in enumerate(factories.people(count), next(_numbers) * 1000):
        Invitation.objects.create(
            engagement=engagement, person=person, participant_id=number, program_id=1, step_id=1,
            step_key="a1", created_at=now(),
        )  # fmt: skip


def _runs(count: int) -> None:
    book = factories.playbook()
    subjects = [Subject(company_id=factories.company().pk) for _ in range(count)]
    assign_playbook(book.pk, subjects, actor=factories.staff())


def _audit(count: int) -> None:
    user = factories.staff()
    for _ in range(count):
        AuditEntry.objects.create(
            actor=user, actor_label="A", verb="x.y", subject_type="t", subject_id="1",
            subject_label="T",
        )  # fmt: skip


def _failures(count: int) -> None:
    for _ in range(count):
        Failure.objects.create(
            work=f"w{next(_numbers)}", kind="work", lane="live", first_at=now(), last_at=now()
        )


def _opt_outs(count: int) -> None:
    MailOptOut.objects.bulk_create(
        MailOptOut(person=person, source="page", at=now()) for person in factories.people(count)
    )


def _troubles(count: int) -> None:
    for _ in range(count):
        note_bounce(f"t{next(_numbers)}@example.com", hard=True, detail="550")


def _subscriptions(count: int) -> None:
    for _ in range(count):
        Subscription.objects.create(company=factories.company())


def _invoices(count: int) -> None:
    for _ in range(count):
        Invoice.objects.create(company=factories.company(), amount=1)


def _scores(count: int) -> None:
    for _ in range(count):
        HealthScore.objects.create(company=factories.company(), score=50, label="neutral")


def _parts(count: int) -> None:
    for number in range(count):
        save_part(PartInput(f"p{number}-{next(_numbers)}", "Product"), actor=None)


MAKERS: dict[str, Callable[[int], Any]] = {
    "people": _people,
    "people with companies": _members_of_companies,
    "companies": _companies,
    "attributes": _attributes,
    "events": _events,
    "event-names": _events,
    "sources": lambda count: [Source.objects.create(name=f"S{n}") for n in range(count)],
    "segments": _segments,
    "mail-templates": lambda count: [factories.mail_template() for _ in range(count)],
    "imports": lambda count: [
        upload("people", "a.csv", b"Email\na@example.com", actor=None) for _ in range(count)
    ],
    "mail-categories": lambda count: [
        save_category(f"C{next(_numbers)}", actor=None) for _ in range(count)
    ],
    "unsubscriptions": _opt_outs,
    "suppressed-addresses": _troubles,
    "webhook-endpoints": lambda count: [factories.webhook_endpoint() for _ in range(count)],
    "program-folders": lambda count: _folders(count),
    "programs": _programs,
    "program-versions": _programs,
    "program-history": _programs,
    "participants": _participants,
    "refusals": _refusals,
    "messages": _messages,
    "engagements": _engagements,
    "invitations": _invitations,
    "tasks": lambda count: [factories.task() for _ in range(count)],
    "task-types": lambda count: [factories.task_type() for _ in range(count)],
    "playbooks": lambda count: [factories.playbook({}, {}) for _ in range(count)],
    "playbook-runs": _runs,
    "audit-entries": _audit,
    "failures": _failures,
    "health-profiles": lambda count: [
        HealthProfile.objects.create(name=f"P{next(_numbers)}") for _ in range(count)
    ],
    "health-scores": _scores,
    "subscriptions": _subscriptions,
    "invoices": _invoices,
    "usage-parts": _parts,
    "products": _parts,
}
AT_MOST = 8  # key, permissions and the rows with what belongs to them


def _cost(api: Caller, path: str) -> tuple[int, int]:
    """(rows, queries) of a list."""
    with CaptureQueriesContext(connection) as queries:
        response = api.get(path)
    assert response.status_code == 200, response.content
    return len(response.json()["results"]), len(queries)


@pytest.mark.parametrize("name", MAKERS)
def test_a_list_costs_the_same_for_1_and_50_rows(api: Caller, name: str) -> None:
    path = f"{name.split()[0]}/?limit=500"
    api.get(path)  # notes the use of the key
    MAKERS[name](1)
    few, cost_of_few = _cost(api, path)
    MAKERS[name](50)
    many, cost_of_many = _cost(api, path)
    assert few >= 1
    assert many >= 50
    assert cost_of_few == cost_of_many <= AT_MOST


def test_members_of_a_segment_cost_the_same_for_1_and_50(api: Caller) -> None:
    segment = save_segment(SegmentInput("List", kind="static"), actor=None)
    path = f"segments/{segment.pk}/members/?limit=500"
    people = factories.people(50)
    add_members(segment.pk, [people[0].pk], actor=None)
    api.get(path)
    few = _cost(api, path)
    add_members(segment.pk, [person.pk for person in people], actor=None)
    assert _cost(api, path) == (50, few[1])
    assert Member.objects.count() == 50


def test_each_resource_with_a_list_is_measured() -> None:
    lists = {r.prefix for r in routes if hasattr(r.viewset, "list") and "(" not in r.prefix}
    files = {"program-templates"}  # no rows: as many as there are files
    assert lists - files == {name.split()[0] for name in MAKERS}
