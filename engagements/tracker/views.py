"""The doors of the tracker: /t/ for batches, /journey.js and its renderers for browsers."""

import hashlib
from typing import Any

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods

from csplatform.customers.models import Source
from csplatform.kit.clock import now as clock_now
from csplatform.kit.errors import DomainError, Problem
from engagements.tracker import rejected, scripts
from engagements.tracker.envelope import Refused, read_batch, read_json
from engagements.tracker.ingest import take
from engagements.tracker.limits import seconds_to_wait

MAX_BYTES = 512 * 1024
SOURCE_SECONDS = 5
# Problems of a whole batch that are no plain 400.
_STATUSES = {"busy": 503, "too_many": 413}


class _Answer(Exception):
    """The request ends here with a status and a reason."""

    def __init__(self, status: int, code: str, message: str, path: str = "") -> None:
        self.status, self.problem = status, Problem(path, message, code)
        self.retry_after = 0
        super().__init__(message)


# A public endpoint without cookies: there is no session to be misused, so no CSRF token either.
@csrf_exempt
@require_http_methods(["POST", "OPTIONS"])
def ingest(request: HttpRequest) -> HttpResponse:
    """Take a batch. Bodies may be sent as text/plain, so that browsers need no preflight."""
    if request.method == "OPTIONS":
        response = HttpResponse(status=204)
        response["Access-Control-Allow-Methods"] = "POST"
        response["Access-Control-Allow-Headers"] = "Content-Type"
        response["Access-Control-Max-Age"] = "86400"
        return _open(response, "*")
    source: Source | None = None
    try:
        source = _source(request.GET.get("key", ""))
        data = read_json(_body(request))
        source = source or _source(data.get("key"), needed=True)
        assert source is not None
        _check_origin(request, source)
        return _open(JsonResponse(_take(data, source)), _allowed(request, source))
    except _Answer as answer:
        return _refuse(request, source, answer)
    except DomainError as error:
        problem = error.problems[0]
        status = _STATUSES.get(problem.code, error.status)
        return _refuse(
            request, source, _Answer(status, problem.code, problem.message, problem.path)
        )


def _take(data: dict[str, Any], source: Source) -> dict[str, Any]:
    """Count against the source's limit, then store."""
    now = clock_now()
    batch = read_batch(data, now)
    wait = seconds_to_wait(source.pk, len(batch.items) + len(batch.refused))
    if wait:
        answer = _Answer(429, "too_many", f"Too many items; try again in {wait} s.")
        answer.retry_after = wait
        raise answer
    return take(batch, source_id=source.pk, now=now)


def _source(key: Any, *, needed: bool = False) -> Source | None:
    """The source of a write key. The key may stand in the address (then even a body that is too
    large can be told whose it is) or in the body."""
    if not key and not needed:
        return None
    found = _known_source(key) if isinstance(key, str) and "\x00" not in key else None
    if found is None:
        raise _Answer(401, "unknown_key", "This write key is not known or not active.")
    return found


def _known_source(key: str) -> Source | None:
    """Looked up once in a few seconds: a key that was switched off works that much longer."""
    name = f"tracker.source.{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()}"
    found: Source | None = cache.get(name)
    if found is None:
        found = Source.objects.filter(write_key=key, is_active=True).first()
        if found is not None:
            cache.set(name, found, SOURCE_SECONDS)
    return found


def _body(request: HttpRequest) -> bytes:
    """The body, read no further than is allowed."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    too_large = _Answer(413, "too_large", f"A batch has at most {MAX_BYTES // 1024} KB.")
    if length.isdigit() and int(length) > MAX_BYTES:
        raise too_large
    body = request.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise too_large
    return body


def _check_origin(request: HttpRequest, source: Source) -> None:
    origin = request.headers.get("Origin")
    if origin and source.allowed_origins and origin not in source.allowed_origins:
        raise _Answer(403, "origin", f"Pages of {origin[:200]} may not use this write key.")


def _allowed(request: HttpRequest, source: Source | None) -> str:
    """The origin that may read the answer."""
    if source is None or not source.allowed_origins:
        return "*"
    origin = request.headers.get("Origin", "")
    return origin if origin in source.allowed_origins else source.allowed_origins[0]


def _open(response: HttpResponse, origin: str) -> HttpResponse:
    response["Access-Control-Allow-Origin"] = origin
    response["Cache-Control"] = "no-store"
    if origin != "*":
        response["Vary"] = "Origin"
    return response


def _refuse(request: HttpRequest, source: Source | None, answer: _Answer) -> HttpResponse:
    """An error reply; on record where the source is known (a flood of 429 would be one, too)."""
    problem = answer.problem
    body = {"error": {"code": problem.code, "path": problem.path, "message": problem.message}}
    response = JsonResponse(body, status=answer.status)
    if answer.retry_after:
        response["Retry-After"] = str(answer.retry_after)
    if source is not None and answer.status in (400, 403, 413):
        refusal = Refused(0, "", "batch", problem, None)
        rejected.note([refusal], source_id=source.pk, anonymous_id=None, now=clock_now())
    return _open(response, "*")


@require_GET
@cache_control(public=True, max_age=300, stale_while_revalidate=86400)
def journey_js(request: HttpRequest) -> HttpResponse:
    """The tracker's core."""
    return _script(request, scripts.core())


@require_GET
@cache_control(public=True, max_age=300, stale_while_revalidate=86400)
def renderer_js(request: HttpRequest, name: str) -> HttpResponse:
    """A renderer, fetched by the core when something of its kind is due."""
    script = scripts.renderer(name)
    if script is None:
        return HttpResponse("There is no such renderer.", status=404, content_type="text/plain")
    return _script(request, script)


def _script(request: HttpRequest, script: scripts.Script) -> HttpResponse:
    """Script with its ETag; gzip where the browser takes it."""
    if request.headers.get("If-None-Match") == script.etag:
        response = HttpResponse(status=304)
    elif "gzip" in request.headers.get("Accept-Encoding", ""):
        response = HttpResponse(script.gzipped, content_type="text/javascript; charset=utf-8")
        response["Content-Encoding"] = "gzip"
    else:
        response = HttpResponse(script.text, content_type="text/javascript; charset=utf-8")
    response["ETag"] = script.etag
    response["Vary"] = "Accept-Encoding"
    # Pages everywhere load it; a module import needs CORS even where a script tag does not.
    response["Access-Control-Allow-Origin"] = "*"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response
