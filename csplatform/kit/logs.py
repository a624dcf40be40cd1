"""Structured logs: one JSON object per line, with the request or job that it belongs to."""

import logging
from typing import Any

import structlog
from django.http import HttpRequest

from csplatform.kit.redact import redact

REQUEST_ID = "_csplatform_request_id"


def formatter() -> logging.Formatter:
    """The formatter of the LOGGING setting."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(),
        _without_request,
    ]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _redacted,
            structlog.processors.JSONRenderer(default=str),
        ],
    )


def route_of(request: HttpRequest) -> str:
    """The template of the request's address, e.g. "people/<int:pk>/"; "" when there is none.

    Never the address itself: it may hold a token or name a person.
    """
    match = request.resolver_match
    return match.route if match else ""


def _without_request(logger: Any, method: str, line: Any) -> Any:
    """Django's own lines bring the request along, and end with its address.

    Some are written after the last middleware, so the request itself tells its id.
    """
    line.pop("message", None)  # set by another handler that formatted the record before
    request = line.pop("request", None)
    if isinstance(request, HttpRequest):
        line.setdefault("request_id", getattr(request, REQUEST_ID, ""))
        said, found, _ = str(line.get("event", "")).partition(": /")
        if found:
            line["event"] = f"{said}: {route_of(request) or 'no such address'}"
    return line


def _redacted(logger: Any, method: str, line: Any) -> Any:
    """No line tells an address or a key, wherever it comes from."""
    for name, value in line.items():
        if isinstance(value, str):
            line[name] = redact(value)
        elif not isinstance(value, (int, float, bool, type(None))):
            line[name] = redact(str(value))
    return line
