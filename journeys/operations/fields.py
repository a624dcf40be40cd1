"""Participant fields that somebody sends: flat values by name."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from csplatform.kit.errors import DomainError, Problem
from journeys.engine.candidates import Candidate
from journeys.flow.entry import FIELD_NAME, MAX_FIELDS

MAX_TEXT = 2_000
_NAME = re.compile(FIELD_NAME)


def check_fields(candidates: Iterable[int | Candidate]) -> None:
    """Raise DomainError, with "/<index>/fields/<name>" paths, for what no participant may carry."""
    problems: list[Problem] = []
    for index, candidate in enumerate(candidates):
        if isinstance(candidate, Candidate):
            problems += field_problems(candidate.fields, f"/{index}/fields")
        if len(problems) > 50:
            break
    if problems:
        raise DomainError(problems)


def field_problems(fields: Mapping[str, Any], path: str) -> list[Problem]:
    """What is wrong with the fields of one participant."""
    if len(fields) > MAX_FIELDS:
        return [Problem(path, f"A participant has at most {MAX_FIELDS} fields.", "too_many")]
    problems = []
    for name, value in fields.items():
        place = f"{path}/{str(name)[:40]}"
        if not _NAME.match(str(name)):
            text = "A field's name is lower-case letters, digits and _, at most 40."
            problems.append(Problem(place, text, "name"))
        if isinstance(value, (dict, list)):
            problems.append(Problem(place, "A field is a text, a number, yes or no.", "type"))
        elif isinstance(value, str) and (len(value) > MAX_TEXT or "\x00" in value):
            problems.append(Problem(place, f"Use at most {MAX_TEXT:,} characters.", "too_long"))
    return problems
