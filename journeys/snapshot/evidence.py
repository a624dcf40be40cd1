"""The evidence of a transition in words: names instead of numbers, times in the subject's zone."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from journeys.models import Transition
from journeys.steps.options import names_of

# Shown in a way of their own, or of no use to a reader.
OWN = ("conditions", "reason", "by", "error", "ref", "invitation")
# What an evidence value points at, as StepKind.references calls it.
REFERENCES = {
    "template": "email_template",
    "segment": "segment",
    "engagement": "engagement",
    "program": "program",
    "from_program": "program",
}
LABELS = {
    "how": "How", "segment": "Segment", "until": "At most until", "matched": "Path",
    "rule": "Rule", "bucket": "Place from 0 to 100", "group": "Group", "attribute": "Attribute",
    "old": "Before", "new": "After", "unchanged": "Had this value already", "template": "Mail",
    "waits_for": "Listens for", "at_limit": "The time was up", "event": "Event",
    "exit_step": "Exit step", "engagement": "Engagement", "happened": "Happened",
    "decided": "Decided before, at the limit", "logic": "Combined as",
    "local_time": "Local time", "time_zone": "Time zone", "date": "Date waited for",
    "held_out": "Held out", "event_id": "Event number", "row": "Row of the file",
    "past": "The date is past", "source": "Copied from", "skipped": "Nothing was done",
    "overtaken": "Overwritten by others of the same moment", "amount": "Added",
    "csm": "CSM", "program": "Program", "from_program": "From program",
    "entered": "Got in",
    "refused": "Refused there", "left": "Left", "told": "Told", "fields": "Calculated fields",
    "recipients": "Recipients",
    "not_invited": "Could not be invited",
    "without_address": "Without an address",
    "left_out": "Left out by the limit", "together_with": "Others at the same moment",
}  # fmt: skip
MOMENT = re.compile(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}")


@dataclass(frozen=True)
class EvidenceNames:
    """What numbers in evidence stand for: users by id, "type:id", step keys."""

    users: Mapping[int, Any]
    references: Mapping[str, str]
    steps: Mapping[str, str] = field(default_factory=dict)


def actors(rows: Iterable[Transition]) -> list[int]:
    """Staff users that evidence names."""
    found = {row.evidence.get("by") for row in rows}
    return [pk for pk in found if isinstance(pk, int)]


def references(rows: Iterable[Transition]) -> dict[str, str]:
    """Names of everything that evidence points at; one query per type."""
    return names_of(
        (kind, row.evidence[name])
        for row in rows
        for name, kind in REFERENCES.items()
        # A step may leave the name itself as evidence, which outlives what it names.
        if isinstance(row.evidence.get(name), int)
    )


def facts(
    evidence: Mapping[str, Any], names: EvidenceNames, zone: ZoneInfo
) -> Iterator[tuple[str, str]]:
    """(name, value) pairs for the reader."""
    by = evidence.get("by")
    if isinstance(by, int):
        yield "By", str(names.users.get(by, f"user {by}"))
    for name, value in evidence.items():
        if name in OWN or (value in (None, "", [], {}, False) and name not in ("old", "new")):
            continue
        label = LABELS.get(name, name.replace("_", " ").capitalize())
        yield label, _told(name, value, names, zone)


def _told(name: str, value: Any, names: EvidenceNames, zone: ZoneInfo) -> str:
    if name in REFERENCES and isinstance(value, int):
        return names.references.get(f"{REFERENCES[name]}:{value}", f"{value} (gone)")
    if name == "exit_step":
        return names.steps.get(str(value), str(value))
    if name == "waits_for" and isinstance(value, list):
        found = {str(item.get("event")) for item in value if isinstance(item, dict)}
        return ", ".join(sorted(found))
    return plain(value, zone)


def plain(value: Any, zone: ZoneInfo) -> str:
    """A JSON value for a reader."""
    if value is None:
        return "(not set)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {plain(item, zone)}" for key, item in value.items())
    if isinstance(value, list):
        return "; ".join(plain(item, zone) for item in value)
    if isinstance(value, str) and MOMENT.match(value):
        return _moment(value, zone)
    return str(value)


def _moment(text: str, zone: ZoneInfo) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    if moment.tzinfo is None:
        return text
    return moment.astimezone(zone).strftime(f"%-d %b %Y, %H:%M:%S ({zone})")


def conditions(evidence: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """(words, whether it was true) of a wait's conditions."""
    found = evidence.get("conditions")
    for item in found if isinstance(found, list) else ():
        if isinstance(item, dict):
            number = f"{item['number']}. " if "number" in item else ""
            yield number + str(item.get("words", "")), bool(item.get("true"))
