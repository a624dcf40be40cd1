"""My book: SNP-02."""

import csv
import io
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from csplatform.accounts.models import AuditEntry
from csplatform.billing.models import Invoice
from csplatform.customers.models import Company, CompanyActivity
from csplatform.health.models import HealthScore
from csplatform.kit.clock import now, today_of
from csplatform.snapshots.book import PAGE, Book, columns, filters
from csplatform.snapshots.book_address import Address
from journeys.models import Task
from tests import factories
from tests.customers import make

pytestmark = pytest.mark.django_db


@pytest.fixture
def csm(client):
    user = make.user("kim", role="csm")
    client.force_login(user)
    return user


def fill(csm, count):
    """Companies with ties, gaps and everything that columns show, from a fixed pattern."""
    today, kind = today_of(csm, now()), factories.task_type()
    for n in range(count):
        company = Company.objects.create(
            name=f"{'aB'[n % 2]}cme {n % 7}", csm=csm, stage=("trial", "live", "renewal")[n % 3],
            arr=None if n % 5 == 0 else (n % 4) * 1000,
            renewal_date=None if n % 6 == 0 else today + timedelta(days=n * 7 % 120 - 10),
        )  # fmt: skip
        if n % 3:
            score = n * 37 % 100
            word = "good" if score >= 70 else "poor" if score < 40 else "neutral"
            HealthScore.objects.create(company=company, score=score, label=word)
        if n % 4:
            seen = now() - timedelta(days=n % 9)
            CompanyActivity.objects.create(company=company, first_seen_at=seen, last_seen_at=seen)
        for k in range(n % 3):
            due = today + timedelta(days=k - 1)
            Task.objects.create(title="Call", company=company, type=kind, due_on=due,
                                created_at=now())  # fmt: skip
        if n % 8 == 1:
            Invoice.objects.create(company=company, amount=5, due_on=today - timedelta(days=3))
    Task.objects.filter(company__name="acme 0").update(
        status="snoozed", snoozed_until=now() + timedelta(days=1)
    )


def facts(company, today):
    """What the columns say, by plain Python."""
    tasks = [t for t in Task.objects.filter(company=company) if t.status != "closed"]
    health = HealthScore.objects.filter(company=company, score__isnull=False).first()
    seen = CompanyActivity.objects.filter(company=company).first()
    invoices = Invoice.objects.filter(company=company, status="open", due_on__lt=now().date())
    return {
        "name": company.name.lower(), "csm": str(company.csm), "stage": company.stage,
        "arr": company.arr, "renewal": company.renewal_date,
        "health": health.score if health else None, "word": health.label if health else "none",
        "tasks": len(tasks),
        "overdue": sum(t.status != "snoozed" and t.due_on < today for t in tasks),
        "seen": seen.last_seen_at if seen else None, "invoices": invoices.count(),
    }  # fmt: skip


def read(csm, **params):
    return Book(Address.read(params, filters), csm, now())


@pytest.mark.parametrize("key", columns.keys())
@pytest.mark.parametrize("sign", ["", "-"])
def test_every_column_sorts_as_plain_python_does(csm, key, sign):
    """Empty values last both ways; ties by name, then by number."""
    fill(csm, 60)
    today = today_of(csm, now())
    known = {c.pk: facts(c, today) for c in Company.objects.all()}
    book = read(csm, whose="all", sort=sign + key)
    shown = [row.company_id for page in (1, 2) for row in book.rows(page)]
    by_name = sorted(known, key=lambda pk: (known[pk]["name"], pk))
    some = [pk for pk in by_name if known[pk][key] is not None]
    wanted = sorted(some, key=lambda pk: known[pk][key], reverse=bool(sign))
    assert shown == wanted + [pk for pk in by_name if known[pk][key] is None]
    assert [row.company_id for row in book.rows(0)] == shown


def test_cells_and_filters_agree_with_plain_python(csm):
    fill(csm, 40)
    today = today_of(csm, now())
    known = {c.pk: facts(c, today) for c in Company.objects.all()}
    book = read(csm)
    for row in book.rows(0):
        for column, (value, _) in zip(book.columns, row.values, strict=True):
            told = value.lower() if column.key == "name" else value
            assert told == known[row.company_id][column.key], column.key

    def within(days):
        return lambda f: f["renewal"] and today <= f["renewal"] <= today + timedelta(days=days)

    cases = [
        ({"stage": "live"}, lambda f: f["stage"] == "live"),
        *(({"renewal": str(days)}, within(days)) for days in (30, 60, 90)),
        ({"renewal": "past"}, lambda f: f["renewal"] and f["renewal"] < today),
        ({"health": "poor"}, lambda f: f["word"] == "poor"),
        ({"health": "none"}, lambda f: f["word"] == "none"),
        ({"tasks": "overdue"}, lambda f: f["overdue"]),
        ({"tasks": "none"}, lambda f: not f["tasks"]),
        ({"invoices": "overdue"}, lambda f: f["invoices"]),
        ({"q": "BC"}, lambda f: f["name"].startswith("bc")),
        ({"q": "%"}, lambda f: False),
        ({"stage": "live", "health": "good"},
         lambda f: f["stage"] == "live" and f["word"] == "good"),
        ({"stage": "no such"}, lambda f: True),
    ]  # fmt: skip
    for params, fits in cases:
        book = read(csm, **params)
        wanted = {pk for pk, f in known.items() if fits(f)}
        assert {row.company_id for row in book.rows(0)} == wanted, params
        assert book.totals().fitting == len(wanted), params


def test_every_figure_leads_to_the_companies_behind_it(client, csm):
    fill(csm, 40)
    renewing = sum(row.values[2][0] or 0 for row in read(csm, renewal="90").rows(0))
    poor = read(csm, health="poor").totals().fitting
    figures = client.get(reverse("book")).context["figures"]
    assert [(f.value, f.link) for f in figures] == [
        (40, "?"), (sum(c.arr or 0 for c in Company.objects.all()), "?"),
        (renewing, "?renewal=90"), (poor, "?health=poor"),
    ]  # fmt: skip
    assert renewing
    assert poor
    # the figures are of the whole book whatever the filters
    again = client.get(reverse("book"), {"health": "good"}).context["figures"]
    assert [f.value for f in again] == [f.value for f in figures]


def test_whose(client, csm):
    left, other = make.user(is_active=False), make.user()
    for name, owner, more in (
        ("Mine", csm, {}), ("Gone", csm, {"status": "churned"}), ("Left", left, {}),
        ("Nobody", None, {}), ("Other", other, {}),
    ):  # fmt: skip
        Company.objects.create(name=name, csm=owner, **more)

    def names(whose):
        return [row.cells[0].text for row in read(csm, whose=whose).rows()]

    assert names("") == names("rubbish") == ["Mine"]
    assert names("nobody") == ["Left", "Nobody"]
    assert names("all") == ["Left", "Mine", "Nobody", "Other"]
    assert names(str(other.pk)) == ["Other"]
    assert names("999999") == []
    page = client.get(reverse("book"), {"whose": "all"}).content.decode()
    assert ">CSM" in page
    assert ">CSM" not in client.get(reverse("book")).content.decode()


def test_the_page_costs_the_same_for_10_and_500_companies(client, csm):
    counts = []
    for count in (10, 490):
        fill(csm, count)
        with CaptureQueriesContext(
            connection,
        ) as found:
            assert client.get(reverse("book"), {"sort": "-overdue"}).status_code == 200
        counts.append(len(found))
        assert sum("customers_company c" in q["sql"] for q in found) == 2
    assert counts[0] == counts[1]


def test_pages_follow_each_other_and_a_page_too_far_is_the_last(client, csm):
    fill(csm, PAGE + 3)
    first = client.get(reverse("book")).content.decode()
    assert "Page 1 of 2" in first
    assert "?page=2" in first
    last = client.get(reverse("book"), {"page": 9}).content.decode()
    assert "Page 2 of 2" in last
    assert client.get(reverse("book"), {"page": "x", "whose": "9" * 30}).status_code == 200


def test_an_empty_book_says_what_to_do(client, csm):
    assert "Your book is empty" in client.get(reverse("book")).content.decode()
    assert "No company fits" in client.get(reverse("book"), {"q": "z"}).content.decode()


def test_the_file_is_the_list_without_formulas(client, csm):
    fill(csm, PAGE + 5)
    Company.objects.filter(name="acme 0").update(name="=1+1")
    answer = client.get(reverse("book-file"), {"sort": "-arr", "stage": "live"})
    text = b"".join(answer.streaming_content).decode()
    lines = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    shown = [row.company_id for row in read(csm, sort="-arr", stage="live").rows(0)]
    assert [int(line["Record id"]) for line in lines] == shown
    assert {line["Health in a word"] for line in lines} >= {"good", "poor"}
    assert not any(line["Company"].startswith("=") for line in lines)
    assert AuditEntry.objects.filter(verb="list.export").exists()


def test_who_may_see_what(client):
    assert client.get(reverse("book")).url.startswith("/admin/login/")
    client.force_login(make.user(role="nothing"))
    assert client.get(reverse("book")).status_code == 403
    assert client.get(reverse("book-file")).status_code == 403
    for role in ("csm", "read_only"):
        client.force_login(make.user(role=role))
        page = client.get(reverse("book"))
        assert page.status_code == 200
        assert reverse("work") in page.content.decode()
    client.force_login(make.user(role="csm"))
    assert reverse("book") in client.get(reverse("work")).content.decode()
