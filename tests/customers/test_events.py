"""Recording events: CUS-02, REL-01, REL-03."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from csplatform.customers.models import (
    CompanyActivity,
    Event,
    EventInbox,
    EventMessage,
    EventName,
    PersonActivity,
)
from csplatform.customers.operations.events import (
    FRESHNESS,
    EventInput,
    EventResult,
    forget_messages,
    record_events,
    subscribe,
)
from csplatform.customers.operations.merge import merge_people
from csplatform.freshness.models import Touch
from csplatform.kit.errors import DomainError
from tests.customers import make
from tests.customers.race import in_threads

MOMENT = datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.mark.django_db
def test_message_ids_are_forgotten_when_nobody_repeats_them():
    """Design 3: the dedupe table is purged after the back-dating window."""
    record_events([EventInput("login", message_id="old"), EventInput("login", message_id="new")])
    EventMessage.objects.filter(message_id="old").update(
        recorded_at=datetime.now(UTC) - timedelta(days=36)
    )
    assert forget_messages() == 1
    assert list(EventMessage.objects.values_list("message_id", flat=True)) == ["new"]


@pytest.mark.django_db
class TestRecording:
    def test_an_event_counts_for_the_primary_company_of_its_person(self):
        """CUS-02: which company an event counts for is fixed at ingest."""
        acme, other = make.company("Acme"), make.company("Other")
        ada = make.person(at=acme)
        record_events(
            [
                EventInput("login", person_id=ada.pk, properties={"page": "/x"}),
                EventInput("login", person_id=ada.pk, company_id=other.pk),
                EventInput("boot", company_id=other.pk, visitor_id=7, ref=9),
            ],
            source_id=3,
            moment=MOMENT,
        )
        rows = list(Event.objects.order_by("id"))
        assert [(r.person_id, r.company_id, r.visitor_id, r.ref) for r in rows] == [
            (ada.pk, acme.pk, None, 0),
            (ada.pk, other.pk, None, 0),
            (None, other.pk, 7, 9),
        ]
        assert rows[0].properties == {"page": "/x"}
        assert {(r.source_id, r.occurred_at, r.recorded_at) for r in rows} == {(3, MOMENT, MOMENT)}
        activity = PersonActivity.objects.get(person=ada)
        assert (activity.event_count, activity.first_seen_at) == (2, MOMENT)
        assert CompanyActivity.objects.get(company=other).event_count == 2

    def test_a_message_is_taken_once_per_source(self):
        items = [
            EventInput("a", message_id="m1"),
            EventInput("b", message_id="m1"),
            EventInput("a"),
        ]
        first = record_events(items, source_id=1)
        assert [r.status for r in first] == ["new", "duplicate", "new"]
        assert first[1] == EventResult("duplicate", None)
        again = record_events(items[:1], source_id=1)
        elsewhere = record_events(items[:1], source_id=2)
        assert (again[0].status, elsewhere[0].status) == ("duplicate", "new")
        assert Event.objects.count() == 3
        assert first[0].event_id == Event.objects.order_by("id").first().pk

    def test_only_subscribed_events_reach_an_inbox_or_the_freshness_loop(self):
        acme = make.company()
        ada = make.person(at=acme)
        Touch.objects.all().delete()
        subscribe(["login", "click"], "journeys")
        subscribe(["login"], "journeys")
        subscribe(["login"], FRESHNESS)
        ids = record_events(
            [EventInput(n, person_id=ada.pk, ref=5) for n in ("login", "login", "click", "scroll")]
        )
        assert list(EventInbox.objects.order_by("id").values_list("event_id", "ref")) == [
            (r.event_id, 5) for r in ids[:3]
        ]
        assert sorted(Touch.objects.values_list("subject", "subject_id", "key")) == [
            ("company", acme.pk, "event.login"),
            ("person", ada.pk, "event.login"),
        ]

    def test_late_events_move_the_first_and_never_the_last_seen(self):
        ada = make.person()
        early = MOMENT - timedelta(days=3)
        record_events([EventInput("a", person_id=ada.pk, occurred_at=MOMENT)])
        record_events([EventInput("a", person_id=ada.pk, occurred_at=early)])
        activity = PersonActivity.objects.get(person=ada)
        assert (activity.first_seen_at, activity.last_seen_at) == (early, MOMENT)

    def test_an_event_of_a_merged_person_is_the_winners(self):
        acme = make.company()
        winner, loser = make.person(at=acme), make.person()
        merge_people(winner.pk, loser.pk, actor=None)
        record_events([EventInput("login", person_id=loser.pk)])
        event = Event.objects.get()
        assert (event.person_id, event.company_id) == (winner.pk, acme.pk)

    def test_one_or_a_thousand_events_cost_the_same_number_of_queries(
        self, django_assert_max_num_queries
    ):
        """Think in sets: known and new names, people with and without a company."""
        people = [make.person(at=make.company()) for _ in range(5)]
        subscribe(["e1"], "journeys")
        subscribe(["e2"], FRESHNESS)
        counts = []
        for size in (5, 1000):
            record_events([EventInput(f"e{i % 5}", person_id=people[0].pk) for i in range(5)])
            items = [
                EventInput(f"e{i % 5}", person_id=people[i % 5].pk, message_id=f"{size}-{i}")
                for i in range(size)
            ]
            with django_assert_max_num_queries(10) as captured:
                record_events(items)
            counts.append(len(captured))
        assert counts[0] == counts[1]

    @pytest.mark.parametrize(
        ("item", "path"),
        [
            (EventInput(""), "/1/name"),
            (EventInput("x" * 201), "/1/name"),
            (EventInput("a\x00"), "/1/name"),
            (EventInput("a", person_id=10**9), "/1/person_id"),
            (EventInput("a", company_id=10**9), "/1/company_id"),
            (EventInput("a", message_id=""), "/1/message_id"),
            (EventInput("a", occurred_at=datetime(2026, 1, 1)), "/1/occurred_at"),  # noqa: DTZ001
            (EventInput("a", properties={"x": float("nan")}), "/1/properties"),
            (EventInput("a", properties={"x": "a\x00"}), "/1/properties"),
            (EventInput("a", properties={"x": "\ud800"}), "/1/properties"),
            (EventInput("a", properties={"x": object()}), "/1/properties"),
        ],
    )
    def test_a_bad_event_is_named_and_nothing_is_stored(self, item, path):
        """REL-03."""
        with pytest.raises(DomainError) as caught:
            record_events([EventInput("good"), item])
        assert [p.path for p in caught.value.problems] == [path]
        assert Event.objects.count() == 0

    def test_text_that_only_looks_like_a_nul_is_kept(self):
        record_events([EventInput("a", properties={"x": "\\u0000 é 😀"})])
        assert Event.objects.get().properties == {"x": "\\u0000 é 😀"}


@pytest.mark.django_db
def test_events_go_to_the_month_they_were_recorded_in():
    """A month without a partition is caught by the default one."""
    record_events([EventInput("a")], moment=datetime(2031, 5, 5, tzinfo=UTC))
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM customers_event")
        assert cursor.fetchone()[0] == "customers_event_default"


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    def test_two_writers_of_the_same_messages_store_each_once(self):
        people = [make.person().pk for _ in range(20)]
        items = [EventInput("n", person_id=people[i % 20], message_id=f"m{i}") for i in range(200)]
        errors = in_threads(
            lambda: record_events(items, source_id=1),
            lambda: record_events(list(reversed(items)), source_id=1),
        )
        assert errors == []
        assert Event.objects.count() == EventMessage.objects.count() == 200
        assert sum(PersonActivity.objects.values_list("event_count", flat=True)) == 200
        assert EventName.objects.count() == 1

    def test_a_new_subscription_waits_for_writers_under_way(self):
        """What commits after the subscription has an inbox row; what was before it has none."""
        started, release = threading.Event(), threading.Event()
        order = []

        def write():
            with transaction.atomic():
                record_events([EventInput("login")])
                started.set()
                release.wait(5)
                order.append("written")

        def listen():
            started.wait(5)
            threading.Timer(0.3, release.set).start()
            subscribe(["login"], "journeys")
            order.append("subscribed")
            record_events([EventInput("login")])

        assert in_threads(write, listen) == []
        assert order == ["written", "subscribed"]
        assert (Event.objects.count(), EventInbox.objects.count()) == (2, 1)
