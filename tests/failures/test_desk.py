"""The desk: list, page, bulk actions, RQ's failed jobs and pages, REST (OPS-03, ADM-01, SEC-01)."""

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import reverse
from rq import Queue
from rq.job import Job
from rq.registry import FailedJobRegistry
from rq.serializers import JSONSerializer

from csplatform.accounts.models import AuditEntry
from csplatform.failures import queues
from csplatform.failures.models import Failure, State
from csplatform.kit import jobs
from csplatform.kit.clock import now
from csplatform.kit.jobs import Periodic, periodic
from tests import factories
from tests.api.conftest import Caller, make_key

pytestmark = pytest.mark.django_db
DESK = "/admin/failures/failure/"


def failure(**more: object) -> Failure:
    values = {
        "kind": "chore", "work": "test.chore", "lane": "slow", "error_type": "KeyError",
        "place": "journeys/engine/store.py in write", "message": "plan <b>",
        "traceback": "Traceback: <script>", "first_at": now(), "last_at": now(), **more,
    }  # fmt: skip
    return Failure.objects.create(**values)


@pytest.fixture(autouse=True)
def _chore() -> Iterator[None]:
    with periodic.temporarily("test.chore", Periodic("test.chore", 60, lambda: None)):
        yield


@pytest.fixture
def failed_job(monkeypatch: pytest.MonkeyPatch) -> Iterator[Job]:
    """A job of a lane of this test's own that failed."""
    lane = f"test-{id(monkeypatch)}"
    monkeypatch.setattr(queues, "_queues", lambda: iter([queues._queue(lane)]))
    monkeypatch.setattr(queues.settings, "LANES", (*queues.settings.LANES, lane))
    queue = Queue(lane, connection=jobs.redis_client(), serializer=JSONSerializer)
    job = queue.enqueue(jobs.run_lane, lane)
    queue.remove(job)
    registry = FailedJobRegistry(lane, connection=queue.connection, serializer=JSONSerializer)
    pipe = queue.connection.pipeline()
    job._handle_failure("Traceback\nKilled: of ada@x.io", pipe)
    pipe.execute()
    yield job
    queue.delete(delete_jobs=True)
    registry.remove(job.id)


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(factories.staff(), backend="csplatform.accounts.backend.RoleBackend")
    return client


def page(client: Client, address: str, **params: str) -> str:
    response = client.get(address, params)
    assert response.status_code == 200, address
    return response.content.decode()


class TestList:
    def test_it_shows_searches_and_filters(self, boss: Client) -> None:
        failure()
        failure(work="other.chore", error_type="ZeroDivisionError", state=State.SOLVED, count=4711)
        text = page(boss, DESK)
        assert "KeyError" in text
        assert "plan &lt;b&gt;" in text
        assert "4,711" in text
        for params in ({"q": "ZeroDiv"}, {"state__exact": "solved"}, {"work": "other.chore"}):
            listed = page(boss, DESK, **params)
            assert "ZeroDivisionError" in listed
            assert 'class="fl-error"' in listed
            assert listed.count('class="fl-error"') == 1

    def test_an_empty_one_says_what_will_stand_here(self, boss: Client) -> None:
        assert "Nothing has failed" in page(boss, DESK)

    def test_bulk_actions(self, boss: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[str] = []
        monkeypatch.setattr("csplatform.failures.operations.enqueue_periodic", asked.append)
        monkeypatch.setattr("django.db.transaction.on_commit", lambda hook: hook())
        one, two = failure(), failure(work="gone")
        for action, states in (
            ("retry_selected", {"retried", "open"}), ("solve_selected", {"solved"}),
        ):  # fmt: skip
            data = {"action": action, "_selected_action": [one.pk, two.pk]}
            text = boss.post(DESK, data, follow=True).content.decode()
            assert set(Failure.objects.values_list("state", flat=True)) == states
            assert "1 tried again" in text or "2 marked as solved" in text
        assert asked == ["test.chore"]
        assert set(AuditEntry.objects.values_list("verb", flat=True)) == {
            "failure.retry", "failure.solve",
        }  # fmt: skip

    def test_the_home_page_leads_to_it(self, boss: Client) -> None:
        assert "All clear" in page(boss, "/admin/")
        failure()
        text = page(boss, "/admin/")
        assert f'href="{DESK}?state__exact=open"' in text
        assert f'href="{DESK}"' in text, "the sidebar"
        assert 'href="/admin/django_rq/"' in text

    def test_it_costs_the_same_for_few_and_many(
        self, boss: Client, django_assert_max_num_queries
    ) -> None:
        counts = []
        for more in (1, 30):
            for number in range(more):
                failure(work=f"w{more}.{number}")
            with django_assert_max_num_queries(25) as captured:
                page(boss, DESK)
            counts.append(len(captured))
        assert counts[0] == counts[1]


class TestPage:
    def test_it_shows_the_stack_as_text_and_decides(self, boss: Client) -> None:
        row = failure()
        address = f"{DESK}{row.pk}/change/"
        text = page(boss, address)
        assert "Traceback: &lt;script&gt;" in text
        assert "Try again now" in text
        for do, state in (("retry", "retried"), ("solve", "solved"), ("nonsense", "solved")):
            boss.post(reverse("admin:failures_failure_do", args=[row.pk]), {"do": do})
            row.refresh_from_db()
            assert row.state == state
        assert "Marked as solved" in page(boss, address)

    def test_without_the_work_there_is_nothing_to_retry(self, boss: Client) -> None:
        text = page(boss, f"{DESK}{failure(work='gone').pk}/change/")
        assert "Try again now" not in text
        assert "no longer exists" in text

    def test_an_unknown_one_leads_back(self, boss: Client) -> None:
        assert boss.get(f"{DESK}x/change/").status_code == 302
        assert boss.get(f"{DESK}999/change/").status_code == 404


class TestFailedJobs:
    def test_they_are_listed_and_put_back(self, boss: Client, failed_job: Job) -> None:
        text = page(boss, DESK)
        assert "1 failed job" in text
        assert "Killed: of (address)" in text
        assert f"run_lane {failed_job.origin}" in text
        data = {"do": "retry", "lane": failed_job.origin, "id": failed_job.id}
        done = boss.post(reverse("admin:failures_failure_job_do"), data, follow=True)
        assert "in its queue again" in done.content.decode()
        assert queues._queue(failed_job.origin).job_ids == [failed_job.id]
        done = boss.post(reverse("admin:failures_failure_job_do"), data, follow=True)
        assert "This job is gone" in done.content.decode()

    @pytest.mark.parametrize("do", ["delete", "clear"])
    def test_they_are_deleted(self, boss: Client, failed_job: Job, do: str) -> None:
        assert "Failed jobs" in page(boss, "/admin/")
        data = {"do": do, "lane": failed_job.origin, "id": failed_job.id}
        boss.post(reverse("admin:failures_failure_job_do"), data)
        assert queues.failed_jobs().jobs == []
        assert not Job.exists(failed_job.id, connection=jobs.redis_client())
        assert AuditEntry.objects.get().verb.startswith("failed_job")

    def test_a_lane_that_is_none_is_refused(self, boss: Client) -> None:
        data = {"do": "delete", "lane": "rq:clean", "id": "x"}
        done = boss.post(reverse("admin:failures_failure_job_do"), data, follow=True)
        assert "no such lane" in done.content.decode()

    def test_without_redis_the_desk_is_there(
        self, boss: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        away = jobs.redis.from_url("redis://127.0.0.1:1/0")
        monkeypatch.setattr(queues, "redis_client", lambda: away)
        failure()
        text = page(boss, DESK)
        assert "Redis is away" in text
        assert "KeyError" in text
        data = {"do": "retry", "lane": "live", "id": "x"}
        done = boss.post(reverse("admin:failures_failure_job_do"), data, follow=True)
        assert "Redis is away; try again" in done.content.decode()
        assert page(boss, "/admin/")


class TestQueuePages:
    @pytest.mark.parametrize(
        "path", ["", "queues/0/", "queues/0/failed/", "queues/0/started/", "workers/0/",
                 "queues/0/finished/", "queues/0/details/", "stats.json", "metrics"],
    )  # fmt: skip
    def test_they_open_for_admins_and_nobody_else(self, client: Client, path: str) -> None:
        address = f"/admin/django_rq/{path}"
        assert client.get(address).status_code == 302
        for role, status in (("program_manager", 403), ("read_only", 403), ("admin", 200)):
            user = factories.staff(role)
            client.force_login(user, backend="csplatform.accounts.backend.RoleBackend")
            assert client.get(address).status_code == status, role


class TestPermissions:
    @pytest.mark.parametrize("role", ["program_manager", "csm", "agent", "analyst", "read_only"])
    def test_the_desk_is_the_admins_own(self, client: Client, role: str) -> None:
        row = failure()
        user = factories.staff(role)
        client.force_login(user, backend="csplatform.accounts.backend.RoleBackend")
        assert client.get(DESK).status_code == 403
        assert client.get(f"{DESK}{row.pk}/change/").status_code == 403
        client.post(reverse("admin:failures_failure_do", args=[row.pk]), {"do": "solve"})
        client.post(reverse("admin:failures_failure_job_do"), {"do": "clear"})
        row.refresh_from_db()
        assert row.state == "open"
        text = page(client, "/admin/")
        assert DESK not in text
        assert "django_rq" not in text

    def test_nothing_is_decided_by_a_link(self, boss: Client) -> None:
        assert boss.get(reverse("admin:failures_failure_job_do")).status_code == 405


class TestRest:
    def test_list_retry_and_solve(self) -> None:
        row, gone = failure(), failure(work="gone", state=State.SOLVED)
        api = Caller(make_key(factories.staff()))
        listed = api.get("failures/?state=open").json()["results"]
        assert [item["id"] for item in listed] == [row.pk]
        assert listed[0]["traceback"]
        assert len(api.get("failures/?search=key").json()["results"]) == 2
        assert api.post("failures/retry/", {"ids": [row.pk, gone.pk]}).json() == {"count": 1}
        assert api.post("failures/solve/", {"ids": [row.pk]}).json() == {"count": 1}
        assert api.post("failures/solve/", {"ids": []}).status_code == 400

    def test_a_key_to_read_decides_nothing(self) -> None:
        api = Caller(make_key(factories.staff(), ["read"]))
        assert api.get("failures/").status_code == 200
        assert api.post("failures/solve/", {"ids": [failure().pk]}).status_code == 403
