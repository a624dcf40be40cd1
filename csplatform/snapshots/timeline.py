"""One timeline of a person or company, merged from what every room knows, newest first."""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from csplatform.kit.registry import Registry
from csplatform.kit.tokens import BadToken, make_token, read_token

PAGE = 30


@dataclass(frozen=True)
class Entry:
    """One thing that happened.

    Attributes:
        at: when.
        key: unique among entries of the source at the same instant; pages are cut by (at, key).
        title: a short sentence; plain text.
        detail: more, shown below; plain text.
        link: where it is shown in full, or "".
        facts: (name, value) pairs that can be unfolded.
    """

    at: datetime
    key: int
    title: str
    detail: str = ""
    link: str = ""
    facts: Sequence[tuple[str, Any]] = field(default=())


@dataclass(frozen=True)
class Before:
    """Where a page ends: entries strictly before this place come next."""

    at: datetime
    source: str
    key: int

    def bound(self, source: str) -> tuple[datetime, int]:
        """(at, key) below which `source` continues: compare (at, key) < this, as a row."""
        if source == self.source:
            return self.at, self.key
        # At the same instant sources come in the order of their names, backwards.
        return self.at, (2**62 if source < self.source else -(2**62))


# (subject id, bound or None, limit) -> at most `limit` entries, newest first: by (at, key)
# descending, all of them below the bound. A constant number of queries.
Load = Callable[[int, tuple[datetime, int] | None, int], Sequence[Entry]]


@dataclass(frozen=True)
class TimelineSource:
    """A kind of entry on the timelines; the filter lists it under its label.

    Attributes:
        icon: name of a Material symbol.
        person, company: loaders; None when the source has nothing for this subject.
        permission: code that a user needs to see it.
    """

    key: str
    label: str
    icon: str
    person: Load | None = None
    company: Load | None = None
    permission: str = ""


timeline_sources: Registry[TimelineSource] = Registry("timeline source")


@dataclass(frozen=True)
class Page:
    """A page of a timeline and the cursor of the next one ("" at the end)."""

    rows: list[tuple[TimelineSource, Entry]]
    cursor: str


def sources_for(subject: str, user: Any) -> list[TimelineSource]:
    """Sources that have something for a subject and that a user may see."""
    return [
        source
        for source in timeline_sources
        if getattr(source, subject) and (not source.permission or user.has_perm(source.permission))
    ]


def read_cursor(text: str) -> Before | None:
    """A cursor from an address; a bad one is the first page."""
    if not text:
        return None
    try:
        at, source, key = read_token("timeline", text)
        return Before(datetime.fromisoformat(at), str(source), int(key))
    except (BadToken, ValueError, TypeError):
        return None


def load_page(
    subject: str, subject_id: int, sources: Sequence[TimelineSource], before: Before | None
) -> Page:
    """The next page over the given sources."""
    streams = []
    for source in sources:
        bound = before.bound(source.key) if before else None
        found = getattr(source, subject)(subject_id, bound, PAGE + 1)
        streams.append([((entry.at, source.key, entry.key), source, entry) for entry in found])
    merged = heapq.merge(*streams, key=lambda row: row[0], reverse=True)
    rows = [(source, entry) for _, (_, source, entry) in zip(range(PAGE + 1), merged, strict=False)]
    if len(rows) <= PAGE:
        return Page(rows, "")
    rows = rows[:PAGE]
    source, entry = rows[-1]
    return Page(rows, make_token("timeline", [entry.at.isoformat(), source.key, entry.key]))
