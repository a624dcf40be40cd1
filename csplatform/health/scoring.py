"""From values to a score. Pure.

A tier's upper bound belongs to it and wins over the next one's lower bound. What is missing leaves
its weight to the others; where everything is missing there is no score.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

Tiers = Sequence[tuple[float | None, int]]
_TIER = re.compile(r"^(more|-?\d+(?:\.\d+)?)\s*[=:]\s*(\d{1,3})$")
MAX_TIERS = 20


@dataclass(frozen=True)
class Reason:
    """One measure's part in a score.

    Attributes:
        value: what was measured; None: missing.
        points: 0 to 100; None: missing.
    """

    label: str
    value: float | None
    points: int | None
    weight: int


def points_of(value: float | None, tiers: Tiers) -> int | None:
    """The points of a value."""
    if value is None:
        return None
    for bound, points in tiers:
        if bound is None or value <= bound:
            return points
    return None


def score_of(reasons: Sequence[Reason]) -> int | None:
    """The weighted mean, rounded half up."""
    known = [(r.weight, r.points) for r in reasons if r.points is not None]
    weight = sum(w for w, _ in known)
    if not weight:
        return None
    total = Decimal(sum(w * points for w, points in known))
    return int((total / weight).quantize(Decimal(1), ROUND_HALF_UP))


def label_of(score: int | None, good_from: int, poor_below: int) -> str:
    """The word of a score."""
    if score is None:
        return ""
    return "good" if score >= good_from else "poor" if score < poor_below else "neutral"


def parse_tiers(text: str) -> list[list[float | int | None]]:
    """“0 = 0, 5 = 50, more = 100” as tiers. Raises ValueError with what to write."""
    found: list[list[float | int | None]] = []
    for part in (part.strip() for part in re.split(r"[,\n;]", text.lower())):
        if not part:
            continue
        match = _TIER.match(part)
        if not match:
            raise ValueError(f"“{part[:40]}” is no tier like “5 = 50” or “more = 100”.")
        bound = None if match[1] == "more" else float(match[1])
        points = int(match[2])
        if points > 100:
            raise ValueError(f"{points} points are more than 100.")
        if found and found[-1][0] is None:
            raise ValueError("“more” stands at the end.")
        if found and bound is not None and bound <= float(found[-1][0] or 0):
            raise ValueError("The bounds rise from left to right.")
        found.append([bound, points])
    if not found or found[-1][0] is not None:
        raise ValueError("End with “more = …”, so that every value has points.")
    if len(found) > MAX_TIERS:
        raise ValueError(f"Use at most {MAX_TIERS} tiers.")
    return found


def tiers_text(tiers: Tiers) -> str:
    """Tiers as they are written."""
    return ", ".join(f"{'more' if b is None else f'{b:g}'} = {p}" for b, p in tiers)
