"""The home page's own cards."""

from csplatform.adminkit.home import HomeCard, home_cards
from csplatform.adminkit.system import system_figures, things_to_look_at


def register() -> None:
    """What needs a look comes first, the machine room last."""
    home_cards.register(
        "attention",
        HomeCard("attention", "To look at", 10, things_to_look_at, icon="notification_important"),
    )
    home_cards.register("system", HomeCard("system", "System", 90, system_figures, icon="dns"))
