"""Endpoints: made, changed, rotated, deleted; their secrets never come out (SEC-02, PRG-07)."""

import json

import pytest
from django.db import IntegrityError, transaction

from csplatform.accounts.models import AuditEntry
from csplatform.kit.errors import Conflict, DomainError, NotAllowed
from csplatform.kit.sealed import unseal
from journeys.flow.checks import check_flow, errors
from journeys.flow.parse import parse_flow
from journeys.models import Outbox, WebhookEndpoint
from journeys.operations.draft import save_draft
from journeys.operations.life import stop_program
from journeys.operations.publish import publish_program
from journeys.webhooks import sender
from journeys.webhooks.operations import (
    EndpointInput,
    change_endpoint,
    create_endpoint,
    delete_endpoint,
    programs_using,
    rotate_secret,
)
from tests import factories as make

pytestmark = pytest.mark.django_db


def paths(error):
    return [problem.path for problem in error.value.problems]


def test_a_secret_is_made_sealed_and_given_once():
    row, secret = make.webhook_endpoint()
    assert secret.startswith("whsec_")
    assert unseal(row.sealed_secret) == secret
    assert secret not in json.dumps(list(WebhookEndpoint.objects.values()), default=str)
    trail = json.dumps(list(AuditEntry.objects.values()), default=str)
    assert secret not in trail
    assert row.sealed_secret not in trail


@pytest.mark.parametrize(
    "url",
    ["", "ftp://example.com/", "http://127.0.0.1/", "https://u:p@example.com/", "https://[::1]/",
     "https://example.com:22/", "http://2130706433/", "javascript:alert(1)"],
)  # fmt: skip
def test_addresses_that_lead_nowhere_good_are_refused_at_once(url):
    with pytest.raises(DomainError) as error:
        make.webhook_endpoint(url=url)
    assert paths(error) == ["/url"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "x"}, {"content-length": "1"}, {"webhook-id": "x"}, {"Webhook-Signature": "x"},
        {"bad name": "x"}, {"": "x"}, {"X-A": "a\r\nX-B: b"}, {"X-A": ""}, {"X-A": "ü"},
        {"X-A": "a" * 1001}, {f"X-{n}": "a" for n in range(21)}, {"X-A": "a", "x-a": "b"},
    ],
)  # fmt: skip
def test_headers_that_are_refused(headers):
    """SEC-02: none can say where a request goes, split it, or forge a signature."""
    with pytest.raises(DomainError) as error:
        make.webhook_endpoint(headers=headers)
    assert set(paths(error)) == {"/headers"}


def test_a_taken_name_is_a_conflict():
    row, _ = make.webhook_endpoint(name="CRM")
    other, _ = make.webhook_endpoint(name="ERP")
    with pytest.raises(Conflict):
        make.webhook_endpoint(name=" CRM ")
    with pytest.raises(Conflict):
        change_endpoint(other.pk, EndpointInput("CRM", row.url), actor=None)


def test_changing_keeps_headers_unless_some_are_given():
    row, _ = make.webhook_endpoint(headers={"X-A": "a"})
    given = EndpointInput(row.name, "https://hooks.example.com/new")
    assert change_endpoint(row.pk, given, actor=None).sealed_headers == row.sealed_headers
    given = EndpointInput(row.name, row.url, headers={})
    assert change_endpoint(row.pk, given, actor=None).sealed_headers == ""


def test_a_new_address_or_switching_on_ends_the_rest():
    row, _ = make.webhook_endpoint()
    WebhookEndpoint.objects.update(failures=9, rests=2, is_active=False, off_reason="410")
    changed = change_endpoint(row.pk, EndpointInput(row.name, row.url), actor=None)
    assert (changed.failures, changed.rests, changed.off_reason) == (0, 0, "")


def test_rotating_keeps_the_old_secret_for_a_day():
    row, old = make.webhook_endpoint()
    row, new = rotate_secret(row.pk, actor=None)
    assert (unseal(row.sealed_old_secret), unseal(row.sealed_secret)) == (old, new)
    assert old != new


@pytest.mark.parametrize("role", ["csm", "analyst", "agent", "read_only"])
def test_only_who_builds_programs_may_write(role):
    """SEC-01."""
    row, _ = make.webhook_endpoint()
    user = make.staff(role)
    for act in (
        lambda: create_endpoint(EndpointInput("A", "https://a.example/"), actor=user),
        lambda: change_endpoint(row.pk, EndpointInput("A", "https://a.example/"), actor=user),
        lambda: rotate_secret(row.pk, actor=user),
        lambda: delete_endpoint(row.pk, actor=user),
    ):
        with pytest.raises(NotAllowed):
            act()


def test_one_in_use_is_not_deleted_and_what_waits_is_cancelled(queue):
    """PRG-42: also when an older version calls it."""
    row, _ = make.webhook_endpoint()
    program = make.program(make.step("call_webhook", "wh", endpoint=row.pk))
    save_draft(
        program.pk, make.flow(make.step("exit", "ex")), revision=program.draft_revision, actor=None
    )
    publish_program(program.pk, actor=None)
    assert programs_using(row.pk) == [program.name]
    with pytest.raises(Conflict, match="still used by"):
        delete_endpoint(row.pk, actor=None)
    stop_program(program.pk, actor=None)
    waiting = queue(row)
    delete_endpoint(row.pk, actor=None)
    waiting.refresh_from_db()
    assert (waiting.state, waiting.error) == ("cancelled", "The endpoint was deleted.")
    late = queue(row)
    sender.sweep()
    late.refresh_from_db()
    assert late.state == "cancelled"


def test_the_database_keeps_the_promises():
    for values in (
        {"sealed_secret": ""},
        {"sealed_secret": "x", "sealed_old_secret": "y"},
        {"sealed_secret": "x", "failures": -1},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            WebhookEndpoint.objects.create(name="A", url="https://a.example/", **values)


def marks(program_type="person", **config):
    flow = parse_flow(make.flow(make.step("call_webhook", "wh", **config)))
    return {
        (mark.path, mark.code)
        for mark in errors(check_flow(flow, subject=program_type, program_id=0))
    }


def test_a_step_says_what_is_wrong_with_it():
    """PRG-11: at the place where it is wrong."""
    row, _ = make.webhook_endpoint()
    off, _ = make.webhook_endpoint(is_active=False)
    at = "/steps/0/config"
    assert marks() == {(f"{at}/endpoint", "missing")}
    assert marks(endpoint=row.pk + 99) == {(f"{at}/endpoint", "invalid")}
    assert marks(endpoint=off.pk) == {(f"{at}/endpoint", "invalid")}
    assert marks(endpoint=row.pk) == set()
    assert marks("company", endpoint=row.pk) == set()
    fields = [
        {"name": "a", "value": "{{ person.nonsense }}"},
        {"name": "a", "value": "{{ broken"},
        {"name": "", "value": "x"},
        {"name": "b", "value": "{{ company.arr | number }}"},
    ]
    assert marks(endpoint=row.pk, fields=fields) == {
        (f"{at}/fields/0/value", "unknown_token"),
        (f"{at}/fields/1/name", "invalid"),
        (f"{at}/fields/1/value", "token_syntax"),
        (f"{at}/fields/2/name", "missing"),
    }
    assert [path for path, _ in marks(endpoint=row.pk, event_type="a b")] == [f"{at}/event_type"]


def test_an_endpoint_that_is_off_cancels_what_comes_and_it_can_be_sent_again(queue, receiver):
    row, _ = make.webhook_endpoint(url=receiver.url(), is_active=False)
    for _ in range(70):
        queue(row)
    while sender.run_batch():
        pass
    assert set(Outbox.objects.values_list("state", flat=True)) == {"cancelled"}
    assert receiver.got == []
