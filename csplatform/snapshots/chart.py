"""Geometry of small bar charts; the templates draw them as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

WIDTH, HEIGHT = 600, 130
LEFT, BOTTOM = 34, 18


@dataclass(frozen=True)
class Bar:
    """One bar, and the strip behind it that shows its title under the mouse."""

    x: float
    y: float
    width: float
    height: float
    strip_x: float
    strip_width: float
    title: str


@dataclass(frozen=True)
class Chart:
    """Everything that the template draws, in its own units."""

    bars: list[Bar]
    weeks: list[tuple[date, int]]
    ticks: list[tuple[float, str]]
    labels: list[tuple[float, str]]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    base: int = HEIGHT - BOTTOM


def nice_top(value: int) -> int:
    """A round number at or above `value`: 1, 2, 5, 10, 20, 50 ..."""
    step = 1
    while True:
        for factor in (1, 2, 5):
            if factor * step >= value:
                return factor * step
        step *= 10


def bar_chart(days: Sequence[date], values: Sequence[int]) -> Chart:
    """Bars by day, and sums by week for those who read them as a table."""
    top = nice_top(max([*values, 1]))
    base = HEIGHT - BOTTOM
    slot = (WIDTH - LEFT) / len(days)
    bars, labels, weeks = [], [], []
    for place, (day, value) in enumerate(zip(days, values, strict=True)):
        x = LEFT + place * slot
        height = round((base - 8) * value / top, 2)
        title = f"{day:%a %d %b}: {value:,}"
        bars.append(
            Bar(round(x + slot * 0.12, 2), base - height, round(slot * 0.76, 2), height,
                round(x, 2), round(slot, 2), title)
        )  # fmt: skip
        if day.day == 1:
            labels.append((round(x, 2), f"{day:%b}"))
        if place % 7 == 0:
            weeks.append((day, sum(values[place : place + 7])))
    ticks = [(base - (base - 8) * part, f"{top * part:,.0f}") for part in (0, 0.5, 1)]
    return Chart(bars, weeks, ticks if top > 1 else [ticks[0], ticks[2]], labels)
