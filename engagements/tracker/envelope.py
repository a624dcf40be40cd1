"""Reading a posted batch: the envelope, its items, and what is wrong with them. No database."""

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from csplatform.kit.errors import DomainError, Problem
from csplatform.kit.schema import Config, parse_config, problems_of
from engagements.tracker.contract import Item, item_kinds
from engagements.tracker.identify import IDENTIFY, IdentifyData

MAX_ITEMS = 500
MAX_ITEM_BYTES = 64 * 1024
MAX_DEPTH = 20
MAX_AGE = timedelta(days=30)
MAX_AHEAD = timedelta(hours=1)


class Envelope(Config):
    """A batch without its items being looked at."""

    key: str | None = None
    visitor: UUID
    url: str = ""
    sent_at: str | int | None = None
    look: bool = False
    items: list[Any] = []


@dataclass(frozen=True, slots=True)
class Refused:
    """An item that is not taken, and why."""

    index: int
    message_id: str
    type: str
    problem: Problem
    raw: Any


@dataclass(frozen=True)
class Batch:
    """A batch whose items were sorted into good and refused ones."""

    anonymous_id: UUID
    url: str
    look: bool
    items: list[Item]
    refused: list[Refused]


def read_json(body: bytes) -> dict[str, Any]:
    """The posted object. Raises DomainError."""
    try:
        data = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise DomainError(f"The body is no JSON: {str(error)[:100]}.", code="json") from None
    if not isinstance(data, dict):
        raise DomainError("Expected an object.", code="type")
    return data


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value")


def read_batch(data: dict[str, Any], now: datetime) -> Batch:
    """Sort the items of a batch. Raises DomainError when the envelope itself is wrong."""
    try:
        envelope = Envelope.model_validate(data)
    except ValidationError as error:
        raise DomainError(problems_of(error, "")) from None
    if len(envelope.items) > MAX_ITEMS:
        raise DomainError(f"At most {MAX_ITEMS} items.", path="/items", code="too_many")
    skew = _skew(envelope.sent_at, now)
    items: list[Item] = []
    refused: list[Refused] = []
    for index, raw in enumerate(envelope.items):
        try:
            items.append(_read_item(index, raw, skew, now))
        except DomainError as error:
            refused.append(refuse(index, raw, error.problems[0]))
    return Batch(envelope.visitor, _url(envelope.url), envelope.look, items, refused)


def refuse(index: int, raw: Any, problem: Problem) -> Refused:
    """A refusal with whatever can be told of the item."""
    known = raw if isinstance(raw, dict) else {}
    message_id, type_ = (
        value if isinstance(value, str) and "\x00" not in value else ""
        for value in (known.get("id"), known.get("type"))
    )
    return Refused(index, message_id[:100], type_[:20], problem, raw)


def _url(url: str) -> str:
    return "" if "\x00" in url else url[:2000]


def _skew(sent_at: str | int | None, now: datetime) -> timedelta:
    """How far the sender's clock is behind ours; small differences are the journey itself."""
    if sent_at is None:
        return timedelta()
    skew = now - _moment(sent_at, "/sent_at")
    return skew if abs(skew) > timedelta(seconds=30) else timedelta()


def _read_item(index: int, raw: Any, skew: timedelta, now: datetime) -> Item:
    path = f"/items/{index}"
    if not isinstance(raw, dict):
        raise DomainError("Expected an item object.", path=path, code="type")
    check_value(raw, path)
    _check_size(raw, path)
    message_id = raw.get("id")
    if not isinstance(message_id, str) or not 0 < len(message_id) <= 100:
        raise DomainError("An item needs an id of 1 to 100 characters.", path=f"{path}/id")
    if extra := sorted(raw.keys() - {"id", "type", "at", "data"}):
        raise DomainError("This is not known here.", path=f"{path}/{extra[0][:60]}", code="unknown")
    type_ = raw.get("type")
    model = _model_of(type_, f"{path}/type")
    at = _occurred(raw.get("at"), skew, now, f"{path}/at")
    data = parse_config(model, raw.get("data", {}), f"{path}/data")
    return Item(index, message_id, str(type_), at, data)


def _model_of(type_: Any, path: str) -> type[Config]:
    """What an item of a type must hold. Raises DomainError for an unknown one."""
    if type_ == IDENTIFY:
        return IdentifyData
    if type_ in item_kinds:
        return item_kinds.get(type_).Data
    known = ", ".join([IDENTIFY, *item_kinds.keys()])
    raise DomainError(f"The type is one of {known}.", path=path, code="type")


def _check_size(raw: dict[str, Any], path: str) -> None:
    size = len(json.dumps(raw, ensure_ascii=False).encode())
    if size > MAX_ITEM_BYTES:
        text = f"An item has at most {MAX_ITEM_BYTES // 1024} KB; this one has {size // 1024}."
        raise DomainError(text, path=path, code="too_large")


def check_value(value: Any, path: str, depth: int = 0) -> None:
    """Refuse what PostgreSQL cannot hold (NUL, half characters, infinity) and deep nests."""
    if depth > MAX_DEPTH:
        raise DomainError("Nested too deeply.", path=path, code="too_deep")
    if isinstance(value, str):
        if "\x00" in value or any("\ud800" <= c <= "\udfff" for c in value):
            raise DomainError("It holds NUL or half characters.", path=path, code="characters")
    elif isinstance(value, dict):
        for key, part in value.items():
            check_value(key, path, depth + 1)
            check_value(part, f"{path}/{key[:60]}", depth + 1)
    elif isinstance(value, list):
        for index, part in enumerate(value):
            check_value(part, f"{path}/{index}", depth + 1)
    elif isinstance(value, float) and not math.isfinite(value):
        raise DomainError("The number is too large.", path=path, code="number")


def _occurred(given: Any, skew: timedelta, now: datetime, path: str) -> datetime:
    """When it happened by our clock. Raises DomainError outside of the accepted window."""
    if given is None:
        return now
    moment = _moment(given, path) + skew
    if moment > now + MAX_AHEAD:
        raise DomainError("It lies more than an hour ahead.", path=path, code="future")
    if moment < now - MAX_AGE:
        text = f"It lies more than {MAX_AGE.days} days back."
        raise DomainError(text, path=path, code="too_old")
    return min(moment, now)


def _moment(given: Any, path: str) -> datetime:
    try:
        if isinstance(given, (int, float)) and not isinstance(given, bool):
            return datetime.fromtimestamp(given / 1000, tz=UTC)
        moment = datetime.fromisoformat(given)
        if moment.tzinfo is None:
            raise ValueError
        return moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        text = "Expected a time such as 2026-01-31T12:00:00Z."
        raise DomainError(text, path=path, code="time") from None
