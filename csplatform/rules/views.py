"""What the rule builder asks the server: descriptions, suggestions, and who would match."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import wraps
from random import randint
from typing import Any

from django.db import OperationalError, transaction
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_GET, require_POST

from csplatform.customers.attributes import attribute_specs
from csplatform.customers.models import Company, Person
from csplatform.customers.search import matching
from csplatform.kit import sql
from csplatform.kit.clock import now
from csplatform.kit.errors import DomainError
from csplatform.rules.compile import count_matching, matching_ids, sample_matching
from csplatform.rules.describe import describe
from csplatform.rules.evaluate import explain
from csplatform.rules.load import load_facts
from csplatform.rules.options import attribute_values, event_properties, property_values
from csplatform.rules.parse import parse_rule
from csplatform.rules.references import needs_of
from csplatform.rules.scope import TABLES
from csplatform.rules.tree import SUBJECTS, Node
from csplatform.rules.words import in_words

PREVIEW_MS = 3000
PICKED = 2000
MAX_BODY = 500_000
View = Callable[..., JsonResponse]


def for_staff(view: View) -> View:
    """Only staff who may see the subject; the answer is JSON, never a login page."""

    @wraps(view)
    def checked(request: HttpRequest) -> JsonResponse:
        user: Any = request.user
        if not (user.is_authenticated and user.is_active and user.is_staff):
            return _refused("Sign in again.", 401)
        subject = request.GET.get("subject", "")
        if subject not in SUBJECTS:
            return _refused("The subject is person or company.", 400)
        if not user.has_perm(f"customers.view_{subject}"):
            return _refused("You may not see these.", 403)
        return view(request, subject)

    return checked


def _refused(message: str, status: int) -> JsonResponse:
    return JsonResponse({"problems": [{"path": "", "message": message}]}, status=status)


@require_GET
@for_staff
def describe_view(request: HttpRequest, subject: str) -> JsonResponse:
    """Kinds, attributes and options."""
    return JsonResponse(describe(subject))


@require_GET
@for_staff
def suggest_view(request: HttpRequest, subject: str) -> JsonResponse:
    """Frequent values of an attribute, properties of an event, or values of such a property."""
    event = request.GET.get("event", "")
    if "\x00" in event + request.GET.get("property", ""):
        return JsonResponse({"values": []})
    if event:
        property_ = request.GET.get("property", "")
        values = property_values(event, property_) if property_ else event_properties(event)
        return JsonResponse({"values": values})
    spec = attribute_specs(subject).get(request.GET.get("attribute", ""))
    return JsonResponse({"values": attribute_values(subject, spec) if spec else []})


@require_GET
@for_staff
def find_view(request: HttpRequest, subject: str) -> JsonResponse:
    """A few people or companies by the beginning of their names, to ask about them."""
    term = request.GET.get("q", "").replace("\x00", "").strip()[:100]
    model: Any = Person if subject == "person" else Company
    rows = matching(subject, model.objects.filter(merged_into=None), term)[:8] if term else []
    return JsonResponse({"found": _labelled(subject, [row.pk for row in rows])})


@require_POST
@for_staff
def explain_view(request: HttpRequest, subject: str) -> JsonResponse:
    """Truth and value of every test of a rule for one subject, now or as of a past instant.

    The body: {"rule", "id", "at": "2026-01-31T10:00" in UTC or null}.
    """
    try:
        data = _body(request)
        node = parse_rule(data.get("rule"), subject)
        at = _instant(data.get("at"))
    except DomainError as error:
        return _told(error)
    id_ = data.get("id")
    if not isinstance(id_, int) or isinstance(id_, bool) or not 0 < id_ < 2**63:
        return _refused("Say about whom.", 400)
    moment = at or now()
    needs = needs_of(node, subject)
    facts = load_facts(subject, [id_], needs, moment, past=at is not None).get(id_)
    if facts is None:
        return _refused("There is nobody with this id.", 404)
    explained = explain(node, facts, moment) if facts.alive else None
    return JsonResponse(
        {
            "problems": [],
            "alive": facts.alive,
            "past": at is not None,
            "explained": explained.as_json() if explained else None,
            **_labelled(subject, [id_])[0],
        }
    )


def _instant(text: Any) -> datetime | None:
    """A past instant in UTC; None for now. Raises DomainError."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        raise DomainError("Give an instant like 2026-01-31T10:00.", path="/at") from None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(at, now())


def _body(request: HttpRequest) -> dict[str, Any]:
    """The JSON object of a request. Raises DomainError."""
    if len(request.body) > MAX_BODY:
        raise DomainError("The rule is too large.", code="too_large")
    try:
        data = json.loads(request.body)
    except (ValueError, RecursionError):
        raise DomainError("The body is no JSON.", code="json") from None
    if not isinstance(data, dict):
        raise DomainError("The body is no object.", code="json")
    return data


def _told(error: DomainError) -> JsonResponse:
    return JsonResponse({"problems": [{"path": p.path, "message": p.message}
                                      for p in error.problems]})  # fmt: skip


@require_POST
@for_staff
def preview_view(request: HttpRequest, subject: str) -> JsonResponse:
    """Who would match the rule in the body, and the rule in words; or what is wrong with it."""
    if len(request.body) > MAX_BODY:
        return _refused("The rule is too large.", 413)
    try:
        data = json.loads(request.body)
    except (ValueError, RecursionError):
        return _refused("The body is no JSON.", 400)
    try:
        node = parse_rule(data, subject)
    except DomainError as error:
        return _told(error)
    return JsonResponse({"problems": [], "words": in_words(node, subject), **_who(node, subject)})


def _who(node: Node, subject: str) -> dict[str, Any]:
    """Count and sample; estimated from some of them when counting all takes too long."""
    at = now()
    try:
        with _limited():
            count = count_matching(node, subject, at)
            ids = sample_matching(node, subject, at, 5) if count else []
    except OperationalError:
        return _estimate(node, subject, at)
    return {"count": count, "sample": _labelled(subject, ids), "slow": False}


@contextmanager
def _limited() -> Iterator[None]:
    """A page must not wait for a rule over everybody."""
    with transaction.atomic():
        sql.run(f"SET LOCAL statement_timeout = {PREVIEW_MS}")
        sql.run("SET LOCAL work_mem = '64MB'")
        yield


def _estimate(node: Node, subject: str, at: datetime) -> dict[str, Any]:
    """How many it will be, from some picked at random: asked one by one through the indexes."""
    table = TABLES[subject]
    try:
        with _limited():
            low, high = sql.rows(f"SELECT min(id), max(id) FROM {table}")[0]
            if low is None:
                return {"count": None, "sample": [], "slow": True}
            picked = sorted({randint(low, high) for _ in range(PICKED)})  # noqa: S311
            there = sql.one(f"SELECT count(*) FROM {table} WHERE id = ANY(%s)", [picked])
            found = sorted(matching_ids(node, subject, at, ids=picked))
            rows = sql.one(
                "SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass", [table]
            )
    except OperationalError:
        return {"count": None, "sample": [], "slow": True}
    if not there or rows < 0:
        return {"count": None, "sample": [], "slow": True}
    share = len(found) / there
    return {
        "count": round(share * rows), "estimated": True, "of": there, "slow": True,
        "sample": _labelled(subject, found[:5]),
    }  # fmt: skip


def _labelled(subject: str, ids: list[int]) -> list[dict[str, Any]]:
    """Names and pages of a few."""
    label = "COALESCE(NULLIF(name, ''), email, '')" if subject == "person" else "name"
    place = "people" if subject == "person" else "companies"
    rows = sql.rows(
        f"SELECT id, {label} FROM {TABLES[subject]} WHERE id = ANY(%s::bigint[])", [ids]
    )
    names = dict(rows)
    return [
        {"id": id_, "label": names.get(id_) or f"#{id_}", "url": f"/{place}/{id_}/"} for id_ in ids
    ]
