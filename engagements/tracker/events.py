"""Items that are events and nothing else: page views and what the site records."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from csplatform.customers.operations.events import EventInput
from csplatform.kit.errors import Problem
from csplatform.kit.schema import Config
from engagements.tracker.contract import Item, ItemKind, VisitorView

PAGE_VIEWED = "page.viewed"
# Names that the product itself records; a public key may not pretend them.
RESERVED = ("email.", "engagement.", "page.", "program.", "survey.", "task.")
MAX_PROPERTIES = 50


class PageData(Config):
    """A page that was looked at."""

    url: str = Field(max_length=2000)
    title: str = Field(default="", max_length=500)
    referrer: str = Field(default="", max_length=2000)


class Page(ItemKind):
    """A page view: the event "page.viewed"."""

    key = "page"
    Data = PageData

    def events(
        self, items: Sequence[Item], visitor: VisitorView
    ) -> list[list[EventInput] | Problem]:
        """One event each."""
        return [[_event(item, visitor, PAGE_VIEWED, _page(item.data))] for item in items]


def _page(data: PageData) -> dict[str, Any]:
    """What rules can ask: the address without its query is the one that stays the same."""
    try:
        path = urlsplit(data.url).path
    except ValueError:
        path = ""
    return {"url": data.url, "path": path or "/", "title": data.title, "referrer": data.referrer}


class TrackData(Config):
    """Something that the site tells."""

    name: str = Field(min_length=1, max_length=200)
    properties: dict[str, Any] = Field(default={}, max_length=MAX_PROPERTIES)

    @field_validator("name")
    @classmethod
    def _not_ours(cls, name: str) -> str:
        if name.lower().startswith(RESERVED):
            raise ValueError(f"Names beginning with {name.split('.')[0]}. are the product's own")
        return name


class Track(ItemKind):
    """`record(name, properties)`: an event of the site's own."""

    key = "track"
    Data = TrackData

    def events(
        self, items: Sequence[Item], visitor: VisitorView
    ) -> list[list[EventInput] | Problem]:
        """One event each."""
        return [[_event(i, visitor, i.data.name, i.data.properties)] for i in items]


def _event(item: Item, visitor: VisitorView, name: str, properties: dict[str, Any]) -> EventInput:
    return EventInput(
        name=name,
        person_id=visitor.person_id,
        company_id=visitor.company_id,
        visitor_id=visitor.id,
        occurred_at=item.at,
        properties=properties,
        message_id=item.message_id,
    )
