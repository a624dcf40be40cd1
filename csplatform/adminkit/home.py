"""The home page of the admin: cards that every room brings, and the first steps of a newcomer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from csplatform.kit.registry import Registry

TONES = ("", "good", "warn", "bad")


@dataclass(frozen=True)
class Figure:
    """One number of a card.

    Attributes:
        value: a number or a short text; numbers get thousands separators.
        link: where what is behind the number is shown; "" when there is nothing to show.
        tone: "", "good", "warn" or "bad"; never the only sign, so give a note with it.
        note: a few words under the number.
    """

    label: str
    value: Any
    link: str = ""
    tone: str = ""
    note: str = ""


@dataclass(frozen=True)
class HomeCard:
    """A card of the home page.

    Attributes:
        order: place on the page, ascending.
        permission: code that a user needs to see it; "" for everybody.
        figures: the numbers; an empty list hides the card. Must be cheap: estimates and
            indexed counts only.
        wide: takes the whole row.
        template: draws the card's body instead of the plain figures; gets `figures`.
    """

    key: str
    title: str
    order: int
    figures: Callable[[HttpRequest], Sequence[Figure]]
    icon: str = "monitoring"
    permission: str = ""
    wide: bool = False
    template: str = ""


@dataclass(frozen=True)
class FirstStep:
    """Something to do on an empty installation.

    Attributes:
        done: whether it was done; asked on each view of the home page until all are.
    """

    key: str
    order: int
    title: str
    text: str
    link: Callable[[], Any]
    done: Callable[[], bool]
    permission: str = ""


# Something that may need a person's look: a figure, or None when all is well. Rooms register
# their failures, dead letters and stops here; they stand together on one card.
Attention = Callable[[HttpRequest], Figure | None]

attention: Registry[Attention] = Registry("attention")
home_cards: Registry[HomeCard] = Registry("home card")
first_steps: Registry[FirstStep] = Registry("first step")


def home_context(request: HttpRequest) -> dict[str, Any]:
    """What the home page of a user shows."""
    cards = []
    for card in sorted(home_cards, key=lambda c: (c.order, c.key)):
        if card.permission and not request.user.has_perm(card.permission):
            continue
        figures = list(card.figures(request))
        if figures:
            cards.append({"card": card, "figures": figures})
    steps = [
        {"step": step, "link": str(step.link()), "done": step.done()}
        for step in sorted(first_steps, key=lambda s: (s.order, s.key))
        if not step.permission or request.user.has_perm(step.permission)
    ]
    if all(row["done"] for row in steps):
        steps = []
    done = sum(1 for row in steps if row["done"])
    return {"cards": cards, "first_steps": steps, "first_steps_done": done}
