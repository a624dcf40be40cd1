"""A field's definition in a flow document, and how rules of the flow get to know it.

In a document: {"key": "logins", "label": "Logins", "source": "events", "config": {…}}, and in rules
{"test": "field", "name": "logins", "operator": "gte", "value": 3}. Before such a rule is parsed,
its definition is put beside the name, so that a rule by itself says all that it means.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from csplatform.kit.errors import DomainError, Problem
from csplatform.kit.schema import parse_config
from csplatform.rules.kind import Known
from journeys.fields.source import Asked, FieldSource, field_sources

TEST = "field"
KEY = re.compile(r"^[a-z][a-z0-9_]{0,39}$")
Definition = Mapping[str, Any]


def by_key(fields: Iterable[Any]) -> dict[str, Definition]:
    """Readable definitions by key; of two with one key the first counts."""
    found: dict[str, Definition] = {}
    for item in fields:
        if isinstance(item, Mapping) and isinstance(item.get("key"), str):
            found.setdefault(item["key"], item)
    return found


def expanded(data: Any, fields: Mapping[str, Definition]) -> Any:
    """JSON with the definition beside every field that a rule in it names."""
    if not fields:
        return data
    if isinstance(data, Mapping):
        found = {name: expanded(item, fields) for name, item in data.items()}
        name = found.get("name")
        if found.get("test") == TEST and isinstance(name, str) and name in fields:
            found["definition"] = dict(fields[name])
        return found
    if isinstance(data, (list, tuple)):
        return [expanded(item, fields) for item in data]
    return data


def named_in(data: Any) -> Iterator[Definition]:
    """The definitions that stand in expanded JSON."""
    if isinstance(data, Mapping):
        if data.get("test") == TEST and isinstance(data.get("definition"), Mapping):
            yield data["definition"]
        else:
            for item in data.values():
                yield from named_in(item)
    elif isinstance(data, (list, tuple)):
        for item in data:
            yield from named_in(item)


def label_of(definition: Definition) -> str:
    """How a field is called."""
    return str(definition.get("label") or definition.get("key") or "a field")


def read(definition: Definition, subject: str) -> tuple[FieldSource, Asked] | None:
    """The source and the question; None for what cannot be read (any more)."""
    key = definition.get("source")
    if not isinstance(key, str) or key not in field_sources:
        return None
    source = field_sources.get(key)
    if subject not in source.subjects:
        return None
    try:
        config = parse_config(source.Config, definition.get("config") or {})
        return source, Asked(subject, config, source.bind(config, subject))
    except DomainError:
        return None


def words_of(definition: Definition, subject: str) -> str:
    """A field in words: “the number of “login” in the last 30 days”."""
    found = read(definition, subject)
    return found[0].words(found[1].config, subject) if found else "(not complete)"


def problems_of(fields: Sequence[Any], subject: str, path: str, known: Known) -> list[Problem]:
    """Everything wrong with a flow's fields."""
    problems: list[Problem] = []
    seen: set[str] = set()
    for index, item in enumerate(fields):
        here = f"{path}/{index}"
        key = item.get("key")
        if not isinstance(key, str) or not KEY.match(key):
            text = "A field's key is lower-case letters, digits and _, beginning with a letter."
            problems.append(Problem(f"{here}/key", text, "key"))
        elif key in seen:
            problems.append(Problem(f"{here}/key", f"There are two fields “{key}”.", "twice"))
        seen.add(str(key))
        problems += _wrong(item, subject, here, known)
    return problems


def _wrong(item: Definition, subject: str, path: str, known: Known) -> list[Problem]:
    key = item.get("source")
    if not isinstance(key, str) or key not in field_sources:
        return [Problem(f"{path}/source", "Choose what it is made of.", "missing")]
    source = field_sources.get(key)
    if subject not in source.subjects:
        whom = "people" if subject == "person" else "companies"
        text = f"“{source.label}” cannot be used in programs for {whom}."
        return [Problem(f"{path}/source", text, "subject")]
    try:
        config = parse_config(source.Config, item.get("config") or {}, f"{path}/config")
    except DomainError as error:
        return error.problems
    return source.check(config, subject, known, f"{path}/config")
