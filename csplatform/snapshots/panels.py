"""Panels: the parts of a snapshot page, each brought by the room that knows about it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from csplatform.kit.registry import Registry

# (subject id, staff user, now) -> context of the panel's template, or None to hide the panel.
Load = Callable[[int, Any, datetime], dict[str, Any] | None]
SUBJECTS = ("person", "company")
WIDTHS = ("half", "full")


@dataclass(frozen=True)
class Panel:
    """One panel of the snapshot page of a person or a company.

    Attributes:
        subject: "person" or "company".
        order: place on the page, ascending.
        width: "half" or "full" of the page on a wide screen; halves flow in two columns.
        template: draws the panel's body; its context is what `load` returns plus `panel`, `user`
            and `subject`.
        load: a constant number of queries whatever the size of the customer.
        permission: code that a user needs to see it.
        shareable: whether the customer may see it through a shared link. Then `load` is called
            without a user, and the template leaves out links to staff pages when `shared` is set.
    """

    key: str
    label: str
    subject: str
    order: int
    template: str
    load: Load
    width: str = "half"
    permission: str = ""
    shareable: bool = False


def _fit(panel: Panel) -> str:
    if panel.subject not in SUBJECTS:
        return f"unknown subject {panel.subject!r}"
    return "" if panel.width in WIDTHS else f"unknown width {panel.width!r}"


panels: Registry[Panel] = Registry("snapshot panel", _fit)
