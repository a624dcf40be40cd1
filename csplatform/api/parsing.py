"""Reading JSON bodies: everything that no handler and no database could hold is refused here."""

import json
import math
from typing import IO, Any

from django.conf import settings
from rest_framework import status
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import JSONParser

from csplatform.kit.errors import DomainError, Problem

MAX_DEPTH = 100
LARGEST = 2**63 - 1


class TooLarge(APIException):
    """The body is larger than `API_MAX_BYTES`."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"

    def __init__(self) -> None:
        super().__init__(f"Send at most {settings.API_MAX_BYTES:,} bytes at once.")


class StrictJSONParser(JSONParser):
    """JSON in UTF-8, of limited size and depth, without NUL characters or endless numbers."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None
    ) -> Any:
        """The value. Raises TooLarge, ParseError, or DomainError with the path of what is unfit."""
        request = (parser_context or {}).get("request")
        stated = request.META.get("CONTENT_LENGTH") if request is not None else None
        if stated and stated.isdigit() and int(stated) > settings.API_MAX_BYTES:
            raise TooLarge
        raw = stream.read(settings.API_MAX_BYTES + 1)
        if len(raw) > settings.API_MAX_BYTES:
            raise TooLarge
        try:
            value = json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant)
        except RecursionError:
            raise ParseError("This is nested too deeply.") from None
        except ValueError as error:
            raise ParseError(f"This is no JSON: {error}.") from None
        problems = unfit_places(value)
        if problems:
            raise DomainError(problems)
        return value


def _refuse_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON number")


def unfit_places(value: Any) -> list[Problem]:
    """Places of what could not be stored: NUL, halves of characters, endless or huge numbers."""
    problems: list[Problem] = []
    waiting: list[tuple[str, Any, int]] = [("", value, 0)]
    while waiting and len(problems) < 20:
        path, item, depth = waiting.pop()
        if depth > MAX_DEPTH:
            return [Problem(path, f"This is nested more than {MAX_DEPTH} deep.", "too_deep")]
        if isinstance(item, dict):
            for name, below in item.items():
                if _unfit_text(name):
                    problems.append(Problem(path, "A name holds characters that are no text."))
                else:
                    waiting.append((f"{path}/{name}", below, depth + 1))
        elif isinstance(item, list):
            waiting += [(f"{path}/{i}", below, depth + 1) for i, below in enumerate(item)]
        elif isinstance(item, str):
            if _unfit_text(item):
                text = "Remove the characters that are no text (NUL, half characters)."
                problems.append(Problem(path, text, "text"))
        elif _unfit_number(item):
            problems.append(Problem(path, "This number is too large.", "too_large"))
    return problems


def _unfit_text(text: str) -> bool:
    return "\x00" in text or any("\ud800" <= letter <= "\udfff" for letter in text)


def _unfit_number(item: Any) -> bool:
    if isinstance(item, float):
        return not math.isfinite(item)
    return isinstance(item, int) and abs(item) > LARGEST
