"""What a batch may hold, and who decides what to show: filled by the other rooms."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from csplatform.customers.operations.events import EventInput
from csplatform.kit.errors import Problem
from csplatform.kit.registry import Registry
from csplatform.kit.schema import Config


@dataclass(frozen=True, slots=True)
class VisitorView:
    """The visitor that a batch comes from, as it stands after the batch's identify."""

    id: int
    source_id: int
    person_id: int | None
    company_id: int | None


@dataclass(frozen=True, slots=True)
class Item:
    """One valid item of a batch.

    Attributes:
        index: place in the batch; problems are reported under "/items/<index>".
        message_id: the sender's own id.
        at: when it happened, corrected for the sender's clock.
        data: an instance of the kind's Data.
    """

    index: int
    message_id: str
    type: str
    at: datetime
    data: Any

    @property
    def path(self) -> str:
        """Where problems of its data are reported."""
        return f"/items/{self.index}/data"


class ItemKind:
    """One type of item, "page" for instance. One instance in `item_kinds`."""

    key: ClassVar[str]
    Data: ClassVar[type[Config]]

    def events(
        self, items: Sequence[Item], visitor: VisitorView
    ) -> list[list[EventInput] | Problem]:
        """The events that each item stands for, or what is wrong with it.

        Runs in the ingest's transaction and may write rows of its own with conditional
        statements: the same item may come again. Constant number of queries.
        """
        raise NotImplementedError


def _fit(kind: ItemKind) -> str:
    if not (isinstance(kind.Data, type) and issubclass(kind.Data, Config)):
        return "Data must be a csplatform.kit.schema.Config"
    return "events must be written" if type(kind).events is ItemKind.events else ""


item_kinds: Registry[ItemKind] = Registry("tracker item", _fit)


@dataclass(frozen=True, slots=True)
class Look:
    """An identified visitor asks what is due on this page."""

    visitor: VisitorView
    person_id: int
    url: str
    now: datetime


# First answer wins: there is one attention slot per page. The answer is what the browser gets.
Decider = Callable[[Look], dict[str, Any] | None]
deciders: Registry[Decider] = Registry("decider")
