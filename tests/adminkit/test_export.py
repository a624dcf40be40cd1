"""Every list as a file (CUS-03)."""

import csv
import io

import pytest
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from csplatform.accounts.models import AuditEntry
from csplatform.adminkit.base import ModelAdmin
from csplatform.adminkit.export import plain
from csplatform.customers.models import AttributeDefinition, ExternalId, Person
from csplatform.imports.operations import start, upload
from csplatform.imports.running import run_all
from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(client):
    """Somebody who may see everything."""
    client.force_login(make.staff("admin"))
    return client


def rows_of(answer):
    """The file's lines as dicts."""
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


OURS = [m for m, a in admin.site._registry.items() if isinstance(a, ModelAdmin)]


@pytest.mark.parametrize("model", OURS, ids=lambda m: m._meta.label)
def test_every_list_is_there_as_a_file(boss, model):
    """Also an empty one; the button leads to it with what is filtered."""
    make.program(make.step("wait_timer", "w1", amount=3, unit="days"))
    make.person(at=make.company())
    make.mail_template()
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    shown = boss.get(reverse(f"{name}_changelist"))
    assert shown.status_code == 200
    answer = boss.get(reverse(f"{name}_export"))
    assert answer.status_code == 200
    rows = rows_of(answer)
    if "cl" not in shown.context:
        return  # a page of its own stands in place of the list
    own = int(model is AuditEntry)  # the trail tells of the export itself
    assert len(rows) == shown.context["cl"].result_count + own
    if shown.context["cl"].result_count:
        assert f"{reverse(f'{name}_export')}" in shown.text


def test_people_come_with_all_that_an_import_knows_again(boss):
    """Exported, erased from the table, imported: the same people."""
    AttributeDefinition.objects.create(
        subject="person", name="seats", label="Seats invited", type="number"
    )
    acme = make.company(name="Acme", external_id="acme")
    ann = make.person(at=acme, name="Ann", email="ann@x.com", role="=1+1", attributes={"seats": 7})
    ExternalId.objects.create(person=ann, kind="user_id", value="u1")
    answer = boss.get(reverse("admin:customers_person_export"))
    text = b"".join(answer.streaming_content)
    [row] = list(csv.DictReader(io.StringIO(text.decode("utf-8-sig"))))
    assert (row["Role"], row["Seats invited"], row["Company"]) == ("'=1+1", "7", "Acme")
    ann.role = "Head"
    ann.save()
    answer = boss.get(reverse("admin:customers_person_export"))
    text = b"".join(answer.streaming_content)
    Person.objects.all().delete()
    run = upload("people", "people.csv", text, actor=None)
    start(run.pk, actor=None, dry_run=False)
    *_, run = run_all(run.pk)
    assert (run.created, run.failed) == (1, 0), list(run.problems.values())
    back = Person.objects.get()
    assert (back.name, back.email, back.role, back.attributes) == (
        "Ann", "ann@x.com", "Head", {"seats": 7},
    )  # fmt: skip
    assert back.memberships.get().company == acme
    assert back.external_ids.get().value == "u1"


def test_filters_and_search_count_and_the_trail_tells(boss):
    """What is on the screen is in the file."""
    make.company(name="Acme", stage="live")
    make.company(name="Bolt", stage="trial")
    answer = boss.get(reverse("admin:customers_company_export") + "?stage__exact=live")
    assert [row["Company name"] for row in rows_of(answer)] == ["Acme"]
    answer = boss.get(reverse("admin:customers_company_export") + "?q=bol")
    assert [row["Company name"] for row in rows_of(answer)] == ["Bolt"]
    entry = AuditEntry.objects.filter(verb="list.export").first()
    assert entry.after == {"list": "customers.company", "filters": "q=bol"}


def test_who_may_not_see_a_list_gets_no_file(client):
    """SEC-01."""
    client.force_login(make.staff("csm"))
    assert client.get(reverse("admin:accounts_user_export")).status_code == 403
    client.logout()
    assert client.get(reverse("admin:customers_person_export")).status_code == 302


def test_a_long_list_costs_queries_by_the_chunk(boss):
    """Not by the row."""
    costs = []
    for count in (20, 400):
        make.people(count)
        with CaptureQueriesContext(connection) as queries:
            rows_of(boss.get(reverse("admin:customers_person_export")))
        costs.append(len(queries))
    assert costs[0] == costs[1]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ('<a href="/x">Ann &amp; Ben</a><br><span>a@x.com</span>', "Ann & Ben – a@x.com"),
        ('<time datetime="2026-01-31T10:00:00" title="x">3 d ago</time>', "2026-01-31T10:00:00"),
        (["Acme", "acme.com", ""], "Acme, acme.com"), ("–", ""), (None, ""), (True, "yes"),
    ],
)  # fmt: skip
def test_cells_are_text_without_markup(value, text):
    """And times are times."""
    assert plain(value) == text
