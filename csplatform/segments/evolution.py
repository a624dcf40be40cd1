"""How a segment grew and shrank: read model of the chart."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from csplatform.kit import sql
from csplatform.segments.models import Segment

DAYS = 30


@dataclass(frozen=True)
class Day:
    """One day: who came and went, and how many there were at its end."""

    day: date
    entered: int
    left: int
    count: int


def evolution(segment: Segment, at: datetime, days: int = DAYS) -> list[Day]:
    """The last days up to now, oldest first; counted back from today's count. One query."""
    today = at.date()
    start = today - timedelta(days=days - 1)
    rows = sql.rows(
        "SELECT (occurred_at AT TIME ZONE 'UTC')::date, count(*) FILTER (WHERE entered),"
        " count(*) FILTER (WHERE NOT entered) FROM segments_memberchange"
        " WHERE segment_id = %s AND occurred_at >= %s GROUP BY 1",
        [segment.pk, start],
    )
    changes = {day: (entered, left) for day, entered, left in rows}
    found = []
    count = segment.member_count
    for back in range(days):
        day = today - timedelta(days=back)
        entered, left = changes.get(day, (0, 0))
        found.append(Day(day, entered, left, count))
        count -= entered - left
    return found[::-1]


@dataclass(frozen=True)
class Drawing:
    """The chart's shapes in a box of 720 by 190."""

    line: str
    area: str
    dots: list[dict[str, str]]
    labels: list[dict[str, str]]
    top: int


WIDTH, HEIGHT, LEFT, BASE = 720.0, 190.0, 10.0, 160.0


def drawing(days: list[Day]) -> Drawing:
    """The line of counts with a mark for every day that changed something."""
    top = max([day.count for day in days] + [1])
    step = (WIDTH - 2 * LEFT) / max(len(days) - 1, 1)
    points = [
        (LEFT + index * step, BASE - day.count / top * (BASE - 20))
        for index, day in enumerate(days)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    area = f"{LEFT},{BASE} {line} {WIDTH - LEFT:.1f},{BASE}"
    dots = [
        {
            "x": f"{x:.1f}",
            "y": f"{y:.1f}",
            "title": f"{day.day:%d %b}: {day.count:,} (+{day.entered:,}, −{day.left:,})",
        }
        for (x, y), day in zip(points, days, strict=True)
    ]
    marks = range(0, len(days), max(7, len(days) // 5))
    labels = [{"x": f"{points[i][0]:.1f}", "text": f"{days[i].day:%d %b}"} for i in marks]
    return Drawing(line, area, dots, labels, top)
