"""What a program brings for its goal, against those who were held out (PRG-28). Pure but for one
query.

The difference of two rates has an interval after Newcombe (1998, method 10): from the Wilson
intervals of both. It stays within its bounds and holds for small and lopsided samples.
"""

from dataclasses import dataclass
from math import sqrt

from csplatform.kit import sql

Z = 1.959963984540054  # 95 percent
# Below this many in a group, or goals in both together, nothing is said.
FEWEST, FEWEST_GOALS = 50, 5


@dataclass(frozen=True)
class Group:
    """How many runs, and how many of them reached the goal."""

    runs: int = 0
    goals: int = 0

    @property
    def rate(self) -> float:
        """Share that reached the goal, 0 to 1."""
        return self.goals / self.runs if self.runs else 0.0

    @property
    def percent(self) -> float:
        """The same in percent."""
        return 100 * self.rate


@dataclass(frozen=True)
class Uplift:
    """The goal rates of both groups and their difference, in percentage points.

    Attributes:
        low, high: 95 % interval of the difference.
        missing: why nothing can be said yet; "" when it can.
    """

    treated: Group
    control: Group
    difference: float
    low: float
    high: float
    missing: str = ""

    @property
    def sure(self) -> bool:
        """Whether the interval leaves out zero."""
        return not self.missing and (self.low > 0 or self.high < 0)


def wilson(group: Group, z: float = Z) -> tuple[float, float]:
    """The Wilson interval of a rate; (0, 1) for nobody."""
    n, p = group.runs, group.rate
    if not n:
        return 0.0, 1.0
    middle = p + z * z / (2 * n)
    spread = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    below = 1 + z * z / n
    return max(0.0, (middle - spread) / below), min(1.0, (middle + spread) / below)


def uplift(treated: Group, control: Group) -> Uplift:
    """The difference of two goal rates with Newcombe's interval."""
    (low1, high1), (low2, high2) = wilson(treated), wilson(control)
    p1, p2 = treated.rate, control.rate
    low = p1 - p2 - sqrt((p1 - low1) ** 2 + (high2 - p2) ** 2)
    high = p1 - p2 + sqrt((high1 - p1) ** 2 + (p2 - low2) ** 2)
    return Uplift(
        treated, control, 100 * (p1 - p2), 100 * low, 100 * high, _missing(treated, control)
    )


def _missing(treated: Group, control: Group) -> str:
    if not control.runs:
        return "Nobody was held out."
    if min(treated.runs, control.runs) < FEWEST:
        small = "held out" if control.runs <= treated.runs else "in the program"
        return f"Too few to say: at least {FEWEST} are needed {small}."
    if treated.goals + control.goals < FEWEST_GOALS:
        return f"Too few to say: at least {FEWEST_GOALS} goals are needed in both together."
    return ""


def program_uplift(program_id: int) -> Uplift:
    """Both groups of a program over all versions.

    Counted are runs that entered since somebody was held out, so that both had the same chance of
    reaching the goal at the same time.
    """
    rows = sql.rows(
        "SELECT control <> '', count(*), count(goal_at) FROM journeys_participant"
        " WHERE program_id = %(program)s AND entered_at >= (SELECT min(entered_at)"
        "  FROM journeys_participant WHERE program_id = %(program)s AND control <> '') GROUP BY 1",
        {"program": program_id},
    )
    found = {held_out: Group(runs, goals) for held_out, runs, goals in rows}
    return uplift(found.get(False, Group()), found.get(True, Group()))
