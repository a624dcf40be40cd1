"""/metrics: true figures of the installation, cheap, and never broken by one of them (OPS-03)."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from prometheus_client.parser import text_string_to_metric_families

from csplatform.customers.models import EventInbox, EventName, EventSubscription
from csplatform.freshness.models import NextFlip, Touch
from csplatform.kit import heartbeat, jobs, metrics
from csplatform.kit.clock import now
from csplatform.kit.jobs import LaneWork, lane_work
from csplatform.kit.metrics import COUNT_UP_TO, Figures, Reading, gauges
from journeys.models import Outbox, Participant, Program
from journeys.models.participant import Batch
from journeys.operations.enroll import enroll
from tests import factories

pytestmark = pytest.mark.django_db
BIG = {
    "customers_person",
    "customers_event",
    "customers_eventinbox",
    "journeys_participant",
    "journeys_outbox",
    "journeys_transition",
    "freshness_touch",
    "freshness_nextflip",
}


def scrape(client: Client) -> dict[tuple, float]:
    """(name, labels...) to value, read by Prometheus' own parser."""
    response = client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/plain")
    found = {}
    for family in text_string_to_metric_families(response.content.decode()):
        for sample in family.samples:
            found[(sample.name, *sorted(sample.labels.items()))] = sample.value
    return found


def test_every_registered_gauge_is_answered_and_none_failed(client: Client) -> None:
    heartbeat._next = 0
    heartbeat.beat()
    found = scrape(client)
    names = {key[0] for key in found}
    factories.program(factories.step("exit", "e1"))
    EventSubscription.objects.create(name=EventName.objects.create(name="x"), consumer="c")
    names |= {key[0] for key in scrape(client)}
    assert {name for figures in gauges for name in figures.about} - names == set()
    assert {value for key, value in found.items() if key[0] == "csplatform_figure_failed"} == {0}


def test_figures_count_what_is_there(client: Client) -> None:
    program = factories.program(factories.step("wait_timer", "w1", amount=3, unit="days"))
    enroll(program.pk, [p.pk for p in factories.people(3)], actor=None)
    Participant.objects.update(lane=0, due_at=now())
    Outbox.objects.bulk_create(
        Outbox(created_at=now(), state=state) for state in ("pending", "dead", "dead", "sent")
    )
    Touch.objects.all().delete()
    Touch.objects.create(subject="person", subject_id=1, key="attr.x")
    NextFlip.objects.create(consumer="c", ref=1, subject="person", subject_id=1, due_at=now())
    name = EventName.objects.create(name="x")
    EventSubscription.objects.create(name=name, consumer="c")
    EventInbox.objects.create(
        consumer="c", event_id=1, name_id=name.pk, occurred_at=now(), recorded_at=now()
    )
    Batch.objects.create(worker=1, participants=[1], started_at=now())
    found = scrape(client)
    assert found["csplatform_participants_due", ("lane", "live")] == 3
    assert found["csplatform_participants_due", ("lane", "bulk")] == 0
    assert 0 < found["csplatform_participants_oldest_due_seconds", ("lane", "live")] < 60
    mail = ("csplatform_messages", ("channel", "email"))
    assert found[(*mail, ("state", "pending"))] == 1
    assert found[(*mail, ("state", "dead"))] == 2
    assert (*mail, ("state", "sent")) not in found
    assert found["csplatform_messages_oldest_due_seconds",] > 0
    assert found["csplatform_touches", ("lane", "live")] == 1
    assert found["csplatform_flips_overdue",] == 1
    assert found["csplatform_inbox_events", ("consumer", "c")] == 1
    assert (found["csplatform_batches",], found["csplatform_batches_orphaned",]) == (1, 1)
    assert found["csplatform_partitions_ahead_months", ("table", "customers_event")] >= 3
    assert found["csplatform_database_bytes",] > 1_000_000
    assert found["csplatform_jobs_queued", ("lane", "live")] >= 0


def test_participants_of_a_quarantined_program_are_not_overdue(client: Client) -> None:
    program = factories.program(factories.step("wait_timer", "w1", amount=3, unit="days"))
    enroll(program.pk, [factories.person().pk], actor=None)
    Participant.objects.update(lane=0, due_at=now())
    Program.objects.update(quarantine="unknown kind")
    found = scrape(client)
    assert found["csplatform_participants_due", ("lane", "live")] == 0
    assert found["csplatform_programs_quarantined",] == 1


def test_counts_end_at_a_limit(client: Client) -> None:
    Touch.objects.bulk_create(
        Touch(subject="person", subject_id=n, key="k") for n in range(COUNT_UP_TO + 50)
    )
    assert scrape(client)["csplatform_touches", ("lane", "live")] == COUNT_UP_TO + 1


def test_a_figure_that_fails_is_left_out_and_counted(client: Client) -> None:
    def wrong() -> list[Reading]:
        metrics.sql.one("SELECT 1 / 0")
        return []

    def slow() -> list[Reading]:
        metrics.sql.one("SELECT pg_sleep(5)")
        return []

    with (
        gauges.temporarily("test.wrong", Figures({"csplatform_test_wrong": "t"}, wrong)),
        gauges.temporarily("test.slow", Figures({"csplatform_test_slow": "t"}, slow)),
    ):
        found = scrape(client)
    failed = {key[1][1] for key, value in found.items()
              if key[0] == "csplatform_figure_failed" and value}  # fmt: skip
    assert failed == {"test.wrong", "test.slow"}
    assert found["csplatform_touches", ("lane", "live")] == 0
    assert found["csplatform_figure_seconds", ("figure", "test.slow")] < 3


def test_redis_away_leaves_the_others(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    away = jobs.redis.from_url("redis://127.0.0.1:1/0")
    for module in (metrics.gauges.get("kit.queues").read.__globals__, vars(heartbeat)):
        monkeypatch.setitem(module, "redis_client", lambda: away)
    found = scrape(client)
    assert found["csplatform_figure_failed", ("figure", "kit.queues")] == 1
    assert found["csplatform_scheduler_leader",] in (0, 1)


def _plans(read: Callable) -> list[tuple[str, str]]:
    """(statement, plan) of all that a figure asks."""
    with CaptureQueriesContext(connection) as queries:
        list(read())
    found = []
    for query in queries.captured_queries:
        if "SAVEPOINT" in query["sql"]:
            continue
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN " + query["sql"].replace("%", "%%"))
            found.append((query["sql"], "\n".join(row[0] for row in cursor.fetchall())))
    return found


def _read_to_the_end(plan: str, statement: str) -> set[str]:
    """Tables of which every row is looked at. "Is there any" ends at the first one."""
    lines = [*plan.splitlines(), ""]
    return {
        line.split("Seq Scan on ")[1].split()[0]
        for line, below in pairwise(lines)
        if "Seq Scan on " in line and ("Filter:" in below or "EXISTS" not in statement)
    }


def _many_rows() -> None:
    """Enough of everything for the planner to prefer an index where there is one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO customers_eventinbox (consumer, event_id, name_id, ref, occurred_at,"
            " recorded_at) SELECT 'c' || n % 3, n, 1, 0, now(), now()"
            " FROM generate_series(1, 30000) n"
        )
        cursor.execute(
            "INSERT INTO freshness_touch (subject, subject_id, key, depth, lane, at)"
            " SELECT 'person', n, 'k', 0, 0, now() FROM generate_series(1, 30000) n"
        )
        cursor.execute(
            "INSERT INTO freshness_nextflip (consumer, ref, subject, subject_id, due_at)"
            " SELECT 'c', 1, 'person', n, now() - n * interval '1 s'"
            " FROM generate_series(-60000, 100) n"
        )
        cursor.execute(
            "INSERT INTO journeys_outbox (participant_id, visit, slot, channel, payload, state,"
            " attempts, error, to_address, subject, message_id, created_at, due_at, step_key)"
            " SELECT 0, 0, '', 'email', '{}', CASE WHEN n % 100 = 0 THEN 'pending'"
            "  WHEN n % 101 = 0 THEN 'dead' ELSE 'sent' END, 0, '', '', '', '', now(), now(), ''"
            " FROM generate_series(1, 60000) n"
        )
        program = factories.program(factories.step("wait_timer", "w1", amount=3, unit="days"))
        enroll(program.pk, [factories.person().pk], actor=None)
        people = factories.people(1)[0].pk
        cursor.execute(
            "INSERT INTO customers_person SELECT (jsonb_populate_record(p, jsonb_build_object("
            " 'id', p.id + n, 'email', 'q' || n || '@x.io'))).*"
            " FROM customers_person p, generate_series(1, 40000) n WHERE p.id = %s",
            [people],
        )
        cursor.execute(
            "INSERT INTO journeys_participant SELECT (jsonb_populate_record(p, jsonb_build_object("
            " 'id', p.id + n, 'person_id', %s + n, 'lane', n %% 2,"
            " 'due_at', now() + (n - 200) * interval '1 min'))).*"
            " FROM journeys_participant p, generate_series(1, 40000) n",
            [people],
        )
        for table in BIG - {"customers_event", "journeys_transition"}:
            cursor.execute(f"ANALYZE {table}")


def test_no_figure_reads_a_large_table_from_end_to_end() -> None:
    """Each of its queries is explained over tables that are large enough to matter."""
    _many_rows()
    looked = 0
    for key, figures in gauges.items():
        if figures.needs != "database":
            continue
        for statement, plan in _plans(partial(metrics._bounded_read, figures)):
            looked += 1
            scanned = _read_to_the_end(plan, statement)
            assert not scanned & BIG, f"{key}: {statement}\n{plan}"
    with connection.cursor() as cursor:  # the test's own transaction took the limit over
        cursor.execute("SET LOCAL statement_timeout = 0")
    assert looked >= 12


def test_a_scrape_costs_the_same_for_few_and_many(client: Client) -> None:
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            scrape(client)
        counts.append(len(queries))
        enroll(
            factories.program(factories.step("exit", "e1")).pk,
            [p.pk for p in factories.people(50)],
            actor=None,
        )
    assert counts[0] == counts[1] < 90


class TestWhoMayScrape:
    def test_a_program_on_this_machine(self, client: Client) -> None:
        assert client.get("/metrics", REMOTE_ADDR="::1").status_code == 200
        assert client.get("/metrics", REMOTE_ADDR="::ffff:127.0.0.1").status_code == 200

    def test_nobody_else(self, client: Client) -> None:
        for address in ("10.0.0.7", "", "unknown"):
            response = client.get("/metrics", REMOTE_ADDR=address)
            assert response.status_code == 403
            assert b"csplatform_" not in response.content

    def test_what_a_proxy_passes_on_does_not_come_from_here(self, client: Client) -> None:
        assert client.get("/metrics", headers={"X-Forwarded-For": "1.2.3.4"}).status_code == 403

    def test_the_bearer_of_the_token(self, client: Client, settings) -> None:
        settings.METRICS_TOKEN = "let-me-see"
        far = {"REMOTE_ADDR": "10.0.0.7"}
        for text, status in (("Bearer let-me-see", 200), ("Bearer no", 403), ("Bearer é", 403)):
            response = client.get("/metrics", headers={"Authorization": text}, **far)
            assert response.status_code == status
        settings.METRICS_TOKEN = ""
        assert (
            client.get("/metrics", headers={"Authorization": "Bearer "}, **far).status_code == 403
        )

    def test_it_is_only_read(self, client: Client) -> None:
        assert client.post("/metrics").status_code == 405


def test_a_gauge_cannot_be_registered_twice_or_without_words() -> None:
    assert metrics._fit(Figures({"csplatform_touches": "again"}, list)) != ""
    assert metrics._fit(Figures({"touches": "t"}, list)) != ""
    assert metrics._fit(Figures({"csplatform_new": ""}, list)) != ""
    assert metrics._fit(Figures({"csplatform_new": "t"}, list, needs="oracle")) != ""


class TestRates:
    def test_requests_are_counted_by_template_and_status(self, client: Client) -> None:
        key = ("csplatform_http_requests_total", ("method", "GET"), ("status", "4xx"),
               ("view", "unknown"))  # fmt: skip
        before = scrape(client).get(key, 0)
        client.get("/nowhere/ada@x.io")
        found = scrape(client)
        assert found[key] == before + 1
        assert not [key for key in found if "ada@x.io" in str(key)]
        seconds = "csplatform_http_request_seconds_count"
        assert found[seconds, ("method", "GET"), ("view", "metrics")] >= 1

    def test_work_is_counted_by_what_it_moved(self, client: Client) -> None:
        answers = iter([5, 2, 0])
        work = LaneWork("test.moves", "slow", lambda: next(answers), lambda: False)
        with lane_work.temporarily("test.moves", work):
            for _ in range(3):
                jobs._run_one(work)
        found = scrape(client)
        assert found["csplatform_work_moved_total", ("work", "test.moves")] == 7
        ok = ("csplatform_work_runs_total", ("result", "ok"), ("work", "test.moves"))
        assert found[ok] == 2
        assert found["csplatform_work_seconds_count", ("work", "test.moves")] == 2
