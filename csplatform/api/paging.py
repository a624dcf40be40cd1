"""Cursor paging: stable under inserts, the same cost on every page."""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model, Q
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from csplatform.kit.errors import DomainError

DEFAULT_LIMIT = 50
MAX_LIMIT = 500
LARGEST_ID = 2**63 - 1


@dataclass(frozen=True)
class Position:
    """A place between two rows: the values of the row next to it, and which way one looks."""

    backward: bool
    value: Any
    id: int


class CursorPaging(BasePagination):
    """`?limit=` up to 500, `?ordering=`, and `?cursor=` from the links of the page before."""

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """The rows of the asked page. Raises DomainError for a bad limit, order or cursor."""
        self.request = request
        self.limit = _limit(request.query_params.get("limit"))
        self.field, descending = _ordering(request.query_params.get("ordering"), view)
        position = _decode(request.query_params.get("cursor"), queryset.model, self.field)
        down = descending != bool(position and position.backward)
        if position is not None:
            queryset = queryset.filter(_beyond(self.field, position, down))
        sign = "-" if down else ""
        order = dict.fromkeys((f"{sign}{self.field}", f"{sign}pk"))
        rows = list(queryset.order_by(*order)[: self.limit + 1])
        more, rows = len(rows) > self.limit, rows[: self.limit]
        backward = position is not None and position.backward
        if backward:
            rows.reverse()
        self.has_next = more if not backward else True
        self.has_previous = more if backward else position is not None
        self.rows = rows
        return rows

    def get_paginated_response(self, data: Any) -> Response:
        """Results and links."""
        return Response(
            {
                "results": data,
                "next": self._link(self.rows[-1:], backward=False) if self.has_next else None,
                "previous": self._link(self.rows[:1], backward=True) if self.has_previous else None,
            }
        )

    def _link(self, row: list[Model], *, backward: bool) -> str | None:
        if not row:
            return None
        parts = ["p" if backward else "n", getattr(row[0], self.field), row[0].pk]
        text = json.dumps(parts, cls=DjangoJSONEncoder, separators=(",", ":"))
        cursor = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
        return replace_query_param(self.request.build_absolute_uri(), "cursor", cursor)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """For the OpenAPI document."""
        orders = [sign + name for name in view.ordering_fields for sign in ("", "-")]
        return [
            _parameter("limit", "Rows per page.", type="integer", minimum=1, maximum=MAX_LIMIT,
                       default=DEFAULT_LIMIT),
            _parameter("cursor", "From the links of another page.", type="string"),
            _parameter("ordering", "Order of the rows; “-” reverses it.", type="string",
                       enum=orders, default=view.ordering),
        ]  # fmt: skip

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """For the OpenAPI document."""
        link = {"type": "string", "format": "uri", "nullable": True}
        return {
            "type": "object",
            "required": ["results", "next", "previous"],
            "properties": {"results": schema, "next": link, "previous": link},
        }


def _parameter(name: str, description: str, **schema: Any) -> dict[str, Any]:
    return {
        "name": name, "in": "query", "required": False, "description": description,
        "schema": schema,
    }  # fmt: skip


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not text.isascii() or not text.isdigit() or len(text) > 6 or not 1 <= int(text) <= MAX_LIMIT:
        raise DomainError(f"Use a whole number from 1 to {MAX_LIMIT}.", path="/limit")
    return int(text)


def _ordering(text: str | None, view: Any) -> tuple[str, bool]:
    """(field, whether descending)."""
    text = view.ordering if text is None else text
    name = text.removeprefix("-")
    if name not in view.ordering_fields:
        known = ", ".join(view.ordering_fields)
        raise DomainError(f"Order by one of: {known}.", path="/ordering", code="unknown")
    return name, text.startswith("-")


def _decode(text: str | None, model: Any, field: str) -> Position | None:
    if text is None:
        return None
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        way, value, row_id = json.loads(raw)
        value = model._meta.get_field(field).to_python(value)
    except (binascii.Error, ValueError, TypeError, RecursionError, ValidationError, OverflowError):
        way, value, row_id = "", None, None
    unfit = isinstance(value, str) and ("\x00" in value or not value.isprintable())
    numbers = [part for part in (value, row_id) if type(part) is int]
    if (
        way not in ("n", "p") or value is None or type(row_id) is not int or unfit
        or any(abs(part) > LARGEST_ID for part in numbers)
    ):  # fmt: skip
        message = "This cursor is not from one of our links; start again without it."
        raise DomainError(message, path="/cursor", code="cursor")
    return Position(way == "p", value, row_id)


def _beyond(field: str, position: Position, down: bool) -> Q:
    """Rows after the position. The first condition is implied and lets the index find the place."""
    after = "lt" if down else "gt"
    if field in ("id", "pk"):
        return Q(**{f"pk__{after}": position.id})
    return Q(**{f"{field}__{after}e": position.value}) & (
        Q(**{f"{field}__{after}": position.value})
        | Q(**{field: position.value, f"pk__{after}": position.id})
    )
