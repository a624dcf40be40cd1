"""What the rule builder asks the server: descriptions, suggestions, and who would match."""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db import OperationalError, transaction
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_GET, require_POST

from csplatform.customers.attributes import attribute_specs
from csplatform.kit import sql
from csplatform.kit.clock import now
from csplatform.kit.errors import DomainError
from csplatform.rules.compile import count_matching, sample_matching
from csplatform.rules.describe import describe
from csplatform.rules.options import attribute_values
from csplatform.rules.parse import parse_rule
from csplatform.rules.scope import TABLES
from csplatform.rules.tree import SUBJECTS, Node
from csplatform.rules.words import in_words

PREVIEW_MS = 3000
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
    """Frequent values of one attribute."""
    spec = attribute_specs(subject).get(request.GET.get("attribute", ""))
    return JsonResponse({"values": attribute_values(subject, spec) if spec else []})


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
        problems = [{"path": p.path, "message": p.message} for p in error.problems]
        return JsonResponse({"problems": problems})
    return JsonResponse({"problems": [], "words": in_words(node, subject), **_who(node, subject)})


def _who(node: Node, subject: str) -> dict[str, Any]:
    """Count and sample; without them when counting takes too long."""
    at = now()
    try:
        with transaction.atomic():
            sql.run(f"SET LOCAL statement_timeout = {PREVIEW_MS}")
            sql.run("SET LOCAL work_mem = '64MB'")
            count = count_matching(node, subject, at)
            ids = sample_matching(node, subject, at, 5) if count else []
    except OperationalError:
        return {"count": None, "sample": [], "slow": True}
    return {"count": count, "sample": _labelled(subject, ids), "slow": False}


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
