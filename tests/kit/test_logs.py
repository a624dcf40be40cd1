"""Structured logs: one line per request, ids on every line, nothing private (OPS-03, SEC-02)."""

import io
import json
import logging
from collections.abc import Callable, Iterator

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory
from rq.job import Job
from rq.serializers import JSONSerializer

from csplatform.api.routes import routes
from csplatform.kit import jobs
from csplatform.kit.access import AccessMiddleware
from csplatform.kit.jobs import LaneWork, Periodic, lane_work, periodic
from csplatform.kit.logs import formatter
from csplatform.kit.redact import redact
from tests import factories
from tests.api.conftest import make_key

pytestmark = pytest.mark.django_db
Lines = Callable[[], list[dict]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """What an installation would have written meanwhile."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel("INFO")
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.setLevel(level)
    root.removeHandler(handler)


def access(lines: Lines) -> list[dict]:
    """The access lines."""
    return [line for line in lines() if line["logger"] == "csplatform.kit.access"]


class TestRequests:
    def test_one_line_says_what_was_asked_and_how_it_went(
        self, client: Client, lines: Lines
    ) -> None:
        user, ada = factories.staff(), factories.person()
        client.force_login(user, backend="csplatform.accounts.backend.RoleBackend")
        response = client.get(f"/people/{ada.pk}/?q=1", headers={"X-Request-ID": "from-Proxy-7"})
        assert response.headers["X-Request-ID"] == "from-Proxy-7"
        line, = access(lines)  # fmt: skip
        assert line["request_id"] == "from-Proxy-7"
        assert (line["method"], line["status"], line["user"]) == ("GET", 200, user.pk)
        assert line["path"] == "people/<int:person_id>/" or "<int" in line["path"]
        assert line["ms"] > 0
        assert line["level"] == "info"

    def test_the_owner_of_an_api_key_is_named(self, client: Client, lines: Lines) -> None:
        user = factories.staff()
        client.get("/api/v1/people/", headers={"Authorization": f"Bearer {make_key(user)}"})
        assert access(lines)[0]["user"] == user.pk
        assert len(list(routes)) > 5
        assert "Bearer" not in str(lines())

    @pytest.mark.parametrize("given", ["", "a b", "x" * 65, "new\nline", 'quo"te', "ümlaut"])
    def test_an_unfit_id_is_replaced(self, client: Client, lines: Lines, given: str) -> None:
        response = client.get("/api/v1/people/", HTTP_X_REQUEST_ID=given)
        assert response.headers["X-Request-ID"] != given
        assert access(lines)[0]["request_id"] == response.headers["X-Request-ID"]

    @pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/static/no.css"])
    def test_machines_that_ask_all_the_time_leave_no_line(
        self, client: Client, lines: Lines, path: str
    ) -> None:
        client.get(path)
        assert access(lines) == []

    def test_no_address_token_or_key_gets_into_the_log(self, client: Client, lines: Lines) -> None:
        """A page that fails, one that is refused, and one that is not there."""
        secret = "ada@lovelace.example"
        client.raise_request_exception = False
        for path in (
            f"/nobody/{secret}?email={secret}",
            f"/u/not-a-token-at-all-1234/?email={secret}",
            f"/api/v1/people/?email={secret}&search={secret}",
            f"/admin/?next={secret}",
        ):
            client.get(path, headers={"Authorization": "Bearer csp_0123abcd_topsecret"})
        text = json.dumps(lines())
        assert len(access(lines)) == 4
        for private in ("lovelace", "not-a-token", "topsecret", "next="):
            assert private not in text, text
        assert all(line["request_id"] for line in lines())

    def test_a_page_that_fails_tells_its_stack_without_the_address(
        self, client: Client, lines: Lines, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*args: object, **kwargs: object) -> None:
            raise ValueError("no such plan for ada@lovelace.example")

        monkeypatch.setattr("engagements.tracker.views.scripts.core", broken)
        client.raise_request_exception = False
        assert client.get("/journey.js?mail=ada@lovelace.example").status_code == 500
        error = next(line for line in lines() if line["level"] == "error")
        assert error["event"] == "Internal Server Error: journey.js"
        assert "no such plan for (address)" in error["exception"]
        assert error["request_id"] == access(lines)[0]["request_id"]
        assert "lovelace" not in json.dumps(lines())


class TestJobs:
    def test_each_line_of_a_job_says_lane_work_and_job(
        self, lines: Lines, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(jobs, "_job_id", lambda: "job-1")

        def run() -> int:
            logging.getLogger("test.room").info("moved")
            return 0

        work = LaneWork("test.lines", "live", run, lambda: False)
        with lane_work.temporarily("test.lines", work):
            jobs.run_lane("live")
        with periodic.temporarily("test.chore", Periodic("test.chore", 1, run)):
            jobs.run_periodic("test.chore")
        mine = [line for line in lines() if line["logger"] == "test.room"]
        assert [(line["job_id"], line["lane"], line["work"]) for line in mine] == [
            ("job-1", "live", "test.lines"),
            ("job-1", "slow", "test.chore"),
        ]

    def test_a_request_names_the_job_that_it_woke(self, client: Client, lines: Lines) -> None:
        """The wake-up itself carries no data, so the line is written where it is sent."""
        wake = jobs.redis_client()
        wake.delete(jobs._flag("slow"))
        with_id = {"X-Request-ID": "asked-for"}

        def view(request: object) -> HttpResponse:
            assert _real_wake("slow")
            return HttpResponse()

        request = RequestFactory().get("/x", headers=with_id)
        request.resolver_match = None
        AccessMiddleware(view)(request)
        woken = next(line for line in lines() if line["event"] == "lane woken")
        assert woken["request_id"] == "asked-for"
        job = Job.fetch(woken["job_id"], connection=wake, serializer=JSONSerializer)
        assert job.args == ["slow"]
        job.delete()


_real_wake = jobs.wake


def test_what_is_private_is_taken_out() -> None:
    for text, left in {
        "to ada.l+x@x-y.io.": "to (address).",
        "?email=ada%40x.io&b": "?email=(address)&b",
        "postgresql://app:geheim@host/db": "postgresql://app:(password)@host/db",
        "Bearer abc.def": "Bearer (token)",
        "key csp_0123abcd_aB-9_x!": "key (API key)!",
        "duplicate key\nDETAIL:  Key (email)=(x) exists.\nCONTEXT: y": "duplicate key",
        "[type=x, input_value={'a': 1}, input_type=dict]":
            "[type=x, input_value=(left out), input_type=dict]",
        "nothing here": "nothing here",
    }.items():  # fmt: skip
        assert redact(text) == left
