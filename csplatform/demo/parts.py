"""Parts of the demo tenant, in order; upper packages register theirs."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from csplatform.accounts.models import User
from csplatform.kit.registry import Registry


@dataclass
class World:
    """What the parts hand on to each other.

    Attributes:
        now: the tenant's present; history lies before it.
        say: progress for the terminal.
        staff: demo users by name.
    """

    now: datetime
    say: Callable[[str], None]
    random: random.Random
    staff: dict[str, User] = field(default_factory=dict)
    company_ids: list[int] = field(default_factory=list)
    person_ids: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class DemoPart:
    """One part.

    Attributes:
        order: smaller first; the customer base is 10.
        title: what is being made, for the terminal.
    """

    order: int
    title: str
    build: Callable[[World], None]


demo_parts: Registry[DemoPart] = Registry("demo part")
