"""Scores of companies: by segment, with reasons and history, minutes old (HLT-01)."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from csplatform.billing.models import Invoice
from csplatform.customers.models import Company
from csplatform.customers.operations.attributes import patch_attributes
from csplatform.customers.operations.events import EventInput, record_events
from csplatform.health import computing
from csplatform.health.kind import measure_kinds
from csplatform.health.models import HealthChange, HealthMeasure, HealthProfile, HealthScore
from csplatform.health.operations import (
    MeasureInput,
    ProfileInput,
    delete_profile,
    save_profile,
    set_pulse,
)
from csplatform.health.scoring import parse_tiers
from csplatform.kit.clock import now
from csplatform.kit.errors import Conflict, DomainError, NotAllowed
from csplatform.segments.operations.definition import SegmentInput, save_segment
from tests import factories as make

pytestmark = pytest.mark.django_db


def measure(kind="attribute", weight=10, points="0 = 0, 10 = 50, more = 100", **more):
    """A measure; of MRR unless told otherwise."""
    more = {"attribute": "mrr", **more} if kind == "attribute" else more
    return MeasureInput(kind=kind, tiers=parse_tiers(points), weight=weight, **more)


def profile(*measures, name="Everybody", **more):
    """A profile."""
    return save_profile(ProfileInput(name, measures=measures, **more), actor=None)


def score(company):
    """(score, word) of a company."""
    row = HealthScore.objects.get(company=company)
    return row.score, row.label


def test_a_score_has_reasons_and_its_changes_are_history(run_lanes):
    """Weighted, with values; nothing is written when nothing changed."""
    acme = make.company(mrr=5, renewal_date=(now() + timedelta(days=60)).date())
    profile(measure(weight=30), measure("days_to_renewal", 10, "30 = 0, more = 100"))
    run_lanes()
    assert score(acme) == (63, "neutral")
    row = HealthScore.objects.get(company=acme)
    assert [(r["label"], r["value"], r["points"], r["weight"]) for r in row.reasons] == [
        ("Attribute", 5, 50, 30), ("Days to the renewal", 60, 100, 10),
    ]  # fmt: skip
    computing.mark_due([acme.pk])
    run_lanes()
    [change] = HealthChange.objects.filter(company_id=acme.pk)
    assert (change.previous, change.score) == (None, 63)
    patch_attributes("company", {acme.pk: {"mrr": 50}}, actor=None)
    run_lanes()
    assert score(acme) == (100, "good")
    assert HealthChange.objects.last().previous == 63


def test_the_first_profile_that_takes_a_company_measures_it(run_lanes):
    """Segments in order, then the one for everybody else; without any there is no score."""
    vip, plain = make.company(mrr=5, tags=["vip"]), make.company(mrr=5)
    rule = {"test": "attribute", "name": "tags", "operator": "contains", "value": "vip"}
    segment = save_segment(SegmentInput("VIP", "", "company", "dynamic", rule), actor=None)
    run_lanes()
    second = profile(measure(points="more = 20"), name="Second", segment=segment.pk, position=5)
    first = profile(measure(points="more = 10"), name="First", segment=segment.pk, position=1)
    run_lanes()
    assert score(vip) == (10, "poor")
    assert score(plain) == (None, "")
    everybody = profile(measure(points="more = 90"), position=0)
    run_lanes()
    assert (score(vip)[0], score(plain)[0]) == (10, 90)
    delete_profile(first.pk, actor=None)
    run_lanes()
    assert score(vip)[0] == 20
    patch_attributes("company", {vip.pk: {"tags": []}}, actor=None)
    run_lanes()
    assert score(vip)[0] == 90
    assert HealthScore.objects.get(company=vip).profile == everybody
    assert second.name == "Second"


def test_every_kind_of_measure(run_lanes):
    """What it measures, and for whom it is missing."""
    acme, empty = make.company(mrr=7), make.company()
    people = [make.person(at=acme) for _ in range(4)]
    day = timedelta(days=1)
    moments = [now() - n * day for n in (1, 1, 2, 40)]
    record_events(
        [EventInput("login", person_id=p.pk, occurred_at=at)
         for p, at in zip(people, moments, strict=True)]
    )  # fmt: skip
    for due, amount, state in ((-5, 100, "open"), (5, 70, "open"), (-9, 50, "paid")):
        Invoice.objects.create(
            company=acme, external_id=f"i{due}{state}", amount=amount, status=state,
            due_on=(now() + due * day).date(),
        )  # fmt: skip
    acme.renewal_date = (now() + 10 * day).date()
    acme.save()
    set_pulse(acme.pk, 70, actor=None)
    wanted = {
        "events": (3, 0), "active_people": (3, 0), "active_share": (75, None),
        "trend": (200, None), "days_since": (1, None), "attribute": (7, None),
        "days_to_renewal": (10, None), "overdue_amount": (100, None), "pulse": (70, None),
    }  # fmt: skip
    assert set(wanted) <= set(measure_kinds.keys())
    for key, values in wanted.items():
        made = HealthMeasure(kind=key, event="", days=30, attribute="mrr")
        found = computing._values(made, [acme.pk, empty.pk], now())
        assert (found.get(acme.pk), found.get(empty.pk)) == values, key


def test_a_pulse_counts_at_once_and_expires(run_lanes):
    """By whoever may; a bad one is refused."""
    acme = make.company()
    profile(measure("pulse", points=measure_kinds.get("pulse").tiers))
    run_lanes()
    csm = make.staff("csm")
    set_pulse(acme.pk, 70, actor=csm, note="Happy", expires_at=now() + timedelta(days=1))
    assert score(acme) == (70, "good")
    computing.compute([acme.pk], now() + timedelta(days=2))
    assert score(acme) == (None, "")
    for points, company in ((101, acme.pk), (-1, acme.pk), (50, 10**9)):
        with pytest.raises(DomainError):
            set_pulse(company, points, actor=csm)
    with pytest.raises(NotAllowed):
        set_pulse(acme.pk, 50, actor=make.staff("read_only"))


def test_who_did_something_and_who_is_old_is_looked_at_again(run_lanes):
    """Minutes after the event, once a day in any case."""
    acme, quiet = make.company(), make.company()
    person = make.person(at=acme)
    profile(measure("events", points="0 = 0, more = 100"))
    run_lanes()
    assert (score(acme)[0], score(quiet)[0]) == (0, 0)
    assert computing.sweep() == 0
    record_events([EventInput("login", person_id=person.pk)])
    assert computing.sweep() == 1
    run_lanes()
    assert score(acme)[0] == 100
    HealthScore.objects.update(computed_at=now() - timedelta(hours=25))
    assert computing.sweep() == Company.objects.count()


def test_ten_companies_or_five_hundred_cost_the_same_number_of_queries():
    """Set-based."""
    profile(measure(), measure("events"), measure("pulse"))
    costs = []
    for count in (10, 500):
        made = Company.objects.bulk_create(
            Company(name=f"C{count} {n}", mrr=n) for n in range(count)
        )
        with CaptureQueriesContext(connection) as queries:
            computing.compute([c.pk for c in made], now())
        costs.append(len(queries))
    assert costs[0] == costs[1]
    assert HealthScore.objects.filter(score__isnull=False).count() == 510


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"name": " "}, "/name"), ({"measures": ()}, "/measures"),
        ({"poor_below": 80}, "/poor_below"), ({"good_from": 101}, "/poor_below"),
        ({"measures": [measure("nope")]}, "/measures/0/kind"),
        ({"measures": [measure(attribute="nope")]}, "/measures/0/attribute"),
        ({"measures": [measure(weight=0)]}, "/measures/0/weight"),
    ],
)  # fmt: skip
def test_a_bad_profile_is_told_at_its_place(given, path):
    """REL-03."""
    whole = {"name": "P", "measures": [measure()], **given}
    with pytest.raises(DomainError) as error:
        save_profile(ProfileInput(**whole), actor=None)
    assert [p.path for p in error.value.problems] == [path]
    assert not HealthProfile.objects.exists()


def test_a_taken_name_is_a_conflict():
    """Not an error of the server."""
    profile(measure())
    with pytest.raises(Conflict):
        profile(measure())


def test_the_admin_makes_a_profile_and_the_page_shows_the_reasons(client, run_lanes):
    """Tiers are written as words; the company's page tells why."""
    acme = make.company(mrr=5)
    client.force_login(make.staff("admin"))
    data = {
        "name": "All", "position": "1", "is_active": "on", "good_from": "70", "poor_below": "40",
        "measures-TOTAL_FORMS": "1", "measures-INITIAL_FORMS": "0", "measures-0-kind": "attribute",
        "measures-0-weight": "10", "measures-0-days": "30", "measures-0-attribute": "mrr",
        "measures-0-tiers_words": "1 = 0, more = 80",
    }  # fmt: skip
    url = reverse("admin:health_healthprofile_add")
    bad = client.post(url, {**data, "measures-0-tiers_words": "5 = 200, more = 1"})
    assert "more than 100" in bad.text
    assert client.post(url, data).status_code == 302
    run_lanes()
    page = client.get(reverse("company-snapshot", args=[acme.pk])).text
    assert "Health" in page
    assert "by “All”" in page
    made = HealthProfile.objects.get()
    shown = client.get(reverse("admin:health_healthprofile_change", args=[made.pk]))
    assert "1 = 0, more = 80" in shown.text
    change = {**data, "measures-INITIAL_FORMS": "1", "measures-0-id": made.measures.get().pk,
              "measures-0-profile": made.pk, "measures-0-tiers_words": "more = 10"}  # fmt: skip
    edit = reverse("admin:health_healthprofile_change", args=[made.pk])
    assert client.post(edit, change).status_code == 302
    run_lanes()
    assert score(acme) == (10, "poor")
    answer = client.post(
        reverse("health-pulse", args=[acme.pk]), {"points": "90", "note": "<script>", "expires": ""}
    )
    assert answer.status_code == 302
    assert (
        "<script>"
        not in client.get(reverse("company-snapshot", args=[acme.pk])).text.split("Pulse")[1][:400]
    )
    for path in ("healthscore", "healthprofile"):
        assert client.get(reverse(f"admin:health_{path}_changelist")).status_code == 200
