"""The contract of /t/: every status, replays, rubbish (TRK-02, TRK-07)."""

import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from csplatform.customers.models import Event, EventName, Person
from engagements.models import RejectedEvent, Visitor
from engagements.tracker import limits
from tests.engagements.make import Browser, item, source

pytestmark = [pytest.mark.smoke, pytest.mark.django_db]


@pytest.fixture
def site() -> Browser:
    return Browser(source())


def events(name: str) -> list[Event]:
    name_id = EventName.objects.filter(name=name).values_list("pk", flat=True).first()
    return list(Event.objects.filter(name_id=name_id).order_by("id"))


def ago(**delta: float) -> str:
    return (datetime.now(UTC) - timedelta(**delta)).isoformat()


def test_each_item_is_answered_and_stored(site: Browser) -> None:
    """TRK-07: one answer per item; "ok" means that it is in the database."""
    response = site.post(
        item("page", "m1", url="https://app.example.com/x?q=1", title="X"),
        item("track", "m2", name="report_exported", properties={"format": "csv"}),
    )
    assert response.status_code == 200
    assert response.reply["results"] == [
        {"id": "m1", "status": "ok"}, {"id": "m2", "status": "ok"},
    ]  # fmt: skip
    (page,) = events("page.viewed")
    assert page.properties["path"] == "/x"
    (track,) = events("report_exported")
    assert track.properties == {"format": "csv"}
    assert track.visitor_id == Visitor.objects.get(anonymous_id=site.visitor).pk
    assert track.person_id is None


def test_a_replay_is_a_duplicate(site: Browser) -> None:
    """TRK-07: idempotent by message id, in one batch and across batches."""
    first = item("track", "m1", name="a")
    assert [r["status"] for r in site.post(first, first).reply["results"]] == ["ok", "duplicate"]
    again = site.post(first, item("track", "m2", name="b")).reply["results"]
    assert [r["status"] for r in again] == ["duplicate", "ok"]
    assert len(events("a")) == 1


def test_message_ids_belong_to_a_source(site: Browser) -> None:
    """Two sites may use the same ids."""
    other = Browser(source())
    assert site.post(item("track", "m", name="a")).reply["results"][0]["status"] == "ok"
    assert other.post(item("track", "m", name="a")).reply["results"][0]["status"] == "ok"


def test_good_items_of_a_batch_are_kept(site: Browser) -> None:
    """TRK-07: bad items are refused one by one, with a path, and put on record."""
    reply = site.post(
        item("track", "ok", name="fine"),
        item("track", "bad", name=""),
        item("nonsense", "type"),
        {"id": "shape", "type": "track", "data": {"name": "x"}, "extra": 1},
        "rubbish",
        item("track", "forged", name="engagement.completed"),
        item("page", "nourl"),
    ).reply["results"]
    assert [r["status"] for r in reply] == ["ok"] + ["rejected"] * 6
    assert reply[1]["path"] == "/items/1/data/name"
    assert reply[2]["path"] == "/items/2/type"
    assert reply[3]["path"] == "/items/3/extra"
    assert reply[4]["path"] == "/items/4"
    assert reply[5]["path"] == "/items/5/data/name"
    assert reply[6]["path"] == "/items/6/data/url"
    assert len(events("fine")) == 1
    assert RejectedEvent.objects.count() == 6
    assert RejectedEvent.objects.filter(message_id="bad").get().reason == reply[1]["reason"]


@pytest.mark.parametrize(
    "value",
    ["a\x00b", "\ud800", {"deep": {}}, 1e400, [["x\x00"]]],
    ids=["nul", "surrogate", "deep", "infinite", "nested-nul"],
)
def test_values_that_the_database_cannot_hold_are_refused(site: Browser, value: object) -> None:
    """Garbage costs its own item only, and never a 500."""
    if value == {"deep": {}}:
        for _ in range(40):
            value = {"d": value}
    body = json.dumps(
        {
            "visitor": site.visitor,
            "items": [item("track", name="x", properties={"p": value}), item("track", name="fine")],
        }
    ).replace("Infinity", "1e400")
    response = site.raw(body)
    assert response.status_code == 200
    assert [r["status"] for r in response.reply["results"]] == ["rejected", "ok"]
    assert RejectedEvent.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ("", ""),
        ("not json", ""),
        ("[]", ""),
        ("{}", "/visitor"),
        ('{"visitor": "nobody", "items": []}', "/visitor"),
        (f'{{"visitor": "{uuid.UUID(int=1)}", "items": {{}}}}', "/items"),
        (f'{{"visitor": "{uuid.UUID(int=1)}", "unknown": 1}}', "/unknown"),
        (f'{{"visitor": "{uuid.UUID(int=1)}", "sent_at": "soon"}}', "/sent_at"),
        ("[" * 100_000, ""),
        ('{"a": %s}' % ("9" * 5000), ""),
        ('{"a": NaN}', ""),
    ],
)
def test_a_wrong_envelope_is_a_400_with_its_path(site: Browser, body: str, path: str) -> None:
    """TRK-07: 400 says where."""
    response = site.raw(body)
    assert response.status_code == 400
    assert response.reply["error"]["path"] == path
    assert response.reply["error"]["message"]
    assert RejectedEvent.objects.filter(source_id=site.source.pk).count() == 1


def test_bytes_that_are_no_text_are_a_400(site: Browser) -> None:
    assert site.raw(b"\xff\xfe\x00").status_code == 400


def test_an_unknown_key_is_a_401(site: Browser) -> None:
    """TRK-07."""
    for key in ("wk_unknown", "", "a%00b"):
        assert site.raw("{}", key=key).status_code == 401
    site.source.is_active = False
    site.source.save()
    assert site.post().status_code == 401


def test_the_key_may_stand_in_the_body(site: Browser) -> None:
    response = site.raw(json.dumps({"visitor": site.visitor, "key": site.source.write_key}), key="")
    assert response.status_code == 200


def test_too_much_is_a_413_with_a_reason(site: Browser) -> None:
    """TRK-07: at most 512 KB and 500 items; a single item of at most 64 KB."""
    megabyte = item("track", name="x", properties={"p": "y" * 1_000_000})
    response = site.post(megabyte)
    assert response.status_code == 413
    assert "512 KB" in response.reply["error"]["message"]
    response = site.post(*(item("track", name="x") for _ in range(501)))
    assert response.status_code == 413
    large = item("track", "large", name="x", properties={"p": "y" * 100_000})
    results = site.post(large, item("track", name="fine")).reply["results"]
    assert [r["status"] for r in results] == ["rejected", "ok"]
    assert results[0]["code"] == "too_large"
    assert RejectedEvent.objects.filter(code="too_large").count() == 2


def test_too_fast_is_a_429_with_retry_after(site: Browser, settings: object) -> None:
    """TRK-07: the limit is per source; the next site is not affected."""
    settings.TRACKER_BURST, settings.TRACKER_ITEMS_PER_SECOND = 5, 1  # type: ignore[attr-defined]
    assert site.post(*(item("track", name="x") for _ in range(5))).status_code == 200
    response = site.post(*(item("track", name="x") for _ in range(3)))
    assert response.status_code == 429
    assert 1 <= int(response["Retry-After"]) <= 4
    assert len(events("x")) == 5
    assert Browser(source()).post(item("track", name="x")).status_code == 200


def test_without_redis_everything_gets_through(
    site: Browser, settings: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit fails open: a lost Redis costs no event."""
    settings.REDIS_URL = "redis://127.0.0.1:1/0"  # type: ignore[attr-defined]
    limits._redis.cache_clear()
    monkeypatch.setattr(limits, "_resting_until", 0.0)
    assert site.post(item("track", name="x")).status_code == 200
    assert limits._resting_until > 0
    limits._redis.cache_clear()
    monkeypatch.setattr(limits, "_resting_until", 0.0)


def test_back_dated_events_and_times_ahead(site: Browser) -> None:
    """TRK-07: 30 days back are accepted, an hour ahead is the end."""
    reply = site.post(
        item("track", name="old", at=ago(days=29)),
        item("track", name="older", at=ago(days=31)),
        item("track", name="ahead", at=ago(minutes=-30)),
        item("track", name="future", at=ago(hours=-2)),
        item("track", name="naive", at="2026-01-01T00:00:00"),
        item("track", name="word", at="yesterday"),
    ).reply["results"]
    assert [r["status"] for r in reply] == ["ok", "rejected", "ok", *["rejected"] * 3]
    assert events("old")[0].occurred_at < datetime.now(UTC) - timedelta(days=28)
    assert events("ahead")[0].occurred_at <= datetime.now(UTC)


def test_a_wrong_clock_is_corrected(site: Browser) -> None:
    """A browser two days ahead tells when it sent, so its events are not lost."""
    reply = site.post(
        item("track", name="x", at=ago(days=-2, seconds=60)), sent_at=ago(days=-2)
    ).reply["results"]
    assert reply[0]["status"] == "ok"
    late = datetime.now(UTC) - events("x")[0].occurred_at
    assert timedelta(seconds=55) < late < timedelta(seconds=70)


def test_only_allowed_origins(site: Browser) -> None:
    """TRK-03: a key works on its own sites only."""
    site.source.allowed_origins = ["https://app.example.com"]
    site.source.save()
    body = json.dumps({"visitor": site.visitor})
    good = site.raw(body, headers={"Origin": "https://app.example.com"})
    assert good.status_code == 200
    assert good["Access-Control-Allow-Origin"] == "https://app.example.com"
    bad = site.raw(body, headers={"Origin": "https://evil.example.com"})
    assert bad.status_code == 403
    assert site.raw(body).status_code == 200  # a server, not a page


def test_preflight_and_methods(client: Client) -> None:
    """JSON with its own content type works from pages, too."""
    response = client.options("/t/")
    assert response.status_code == 204
    assert response["Access-Control-Allow-Headers"] == "Content-Type"
    assert client.get("/t/").status_code == 405


def test_identify_makes_the_person_and_joins_history(site: Browser) -> None:
    """TRK-02, TRK-06: what was recorded before belongs to the person from then on."""
    site.post(item("track", name="before"))
    reply = site.post(
        item("identify", user_id="u-1", email="ann@example.com", name="Ann Lee",
             company={"id": "acme", "name": "Acme"}),
        item("track", name="after"),
    ).reply  # fmt: skip
    assert [r["status"] for r in reply["results"]] == ["ok", "ok"]
    ann = Person.objects.get(email="ann@example.com")
    assert ann.name == "Ann Lee"
    assert ann.memberships.get().company.external_id == "acme"
    assert events("before")[0].person_id == ann.pk
    assert events("after")[0].person_id == ann.pk
    assert events("after")[0].company_id == ann.memberships.get().company_id
    assert ann.activity.event_count == 2
    assert reply["again"] == [400, 1500]


def test_identify_again_changes_nothing(site: Browser) -> None:
    first = item("identify", "i1", user_id="u-1", name="Ann")
    site.post(first)
    assert site.post(first).reply["results"][0]["status"] == "duplicate"
    reply = site.identify("u-1", name="Ann").reply
    assert reply["results"][0]["status"] == "ok"
    assert "again" not in reply


def test_traits_that_do_not_fit_cost_only_themselves(site: Browser) -> None:
    """A typo in one trait must not cost the sign-in; it is named in the answer and on record."""
    reply = site.identify("u-1", traits={"role": "Buyer", "shoe_size": 43}).reply["results"][0]
    assert reply["status"] == "ok"
    assert [i["path"] for i in reply["ignored"]] == ["/items/0/data/traits/shoe_size"]
    assert Person.objects.get().role == "Buyer"
    assert RejectedEvent.objects.get().code == "unknown_trait"


def test_one_visitor_is_one_person(site: Browser) -> None:
    """A second person on the same browser needs a reset, else histories would mix."""
    site.identify("u-1")
    reply = site.post(item("identify", user_id="u-2"), item("track", name="x")).reply["results"]
    assert reply[0]["code"] == "other_person"
    assert reply[1]["status"] == "ok"
    assert Person.objects.count() == 1


@pytest.mark.parametrize("data", [{}, {"email": "no-at"}, {"user_id": "u", "traits": []}])
def test_identify_that_is_wrong_is_refused(site: Browser, data: dict) -> None:
    reply = site.post({"id": "i", "type": "identify", "data": data}).reply["results"]
    assert reply[0]["status"] == "rejected"
    assert reply[0]["path"].startswith("/items/0/data")
    assert Person.objects.count() == 0


def test_queries_do_not_grow_with_the_batch(
    site: Browser, django_assert_max_num_queries: object
) -> None:
    """Design rule 5: one item or a hundred, the same number of queries."""
    site.identify("u-1")
    site.post(item("track", name="x"), item("page", url="https://a.example/"))
    with django_assert_max_num_queries(20) as few:  # type: ignore[operator]
        site.post(item("track", name="x"), item("page", url="https://a.example/"))
    with django_assert_max_num_queries(20) as many:  # type: ignore[operator]
        site.post(
            *(item("track", name="x", properties={"n": n}) for n in range(100)),
            *(item("page", url="https://a.example/") for _ in range(100)),
        )
    assert len(many) == len(few)
