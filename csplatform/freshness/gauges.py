"""Figures of the freshness loop for /metrics."""

from collections.abc import Iterator

from csplatform.freshness.models import TouchLane
from csplatform.kit import sql
from csplatform.kit.metrics import COUNT_UP_TO, Figures, Reading, gauges


def touches() -> Iterator[Reading]:
    """Changes that nobody has looked at yet by lane, in the order of the loop's own claim."""
    for lane in TouchLane:
        own = f"FROM freshness_touch WHERE lane = {lane:d} ORDER BY id LIMIT"
        number, age = sql.rows(
            f"SELECT (SELECT count(*) FROM (SELECT id {own} %s) t), coalesce((SELECT"
            f" extract(epoch FROM clock_timestamp() - at)::float {own} 1), 0)",
            [COUNT_UP_TO + 1],
        )[0]
        labels = {"lane": lane.name.lower()}
        yield Reading("csplatform_touches", number, labels)
        yield Reading("csplatform_touches_oldest_seconds", age, labels)


def flips() -> Iterator[Reading]:
    """Subjects whose rules should have been asked again by now."""
    number, age = _count_and_age(
        "SELECT due_at AS since FROM freshness_nextflip WHERE due_at <= clock_timestamp()"
        " ORDER BY due_at LIMIT %s"
    )
    yield Reading("csplatform_flips_overdue", number)
    yield Reading("csplatform_flips_oldest_seconds", age)


def _count_and_age(rows: str) -> tuple[int, float]:
    """How many rows, up to a limit, and the age of the oldest `since` among them."""
    return sql.rows(
        "SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(since)), 0)::float"
        f" FROM ({rows}) t",
        [COUNT_UP_TO + 1],
    )[0]  # type: ignore[return-value]


def register() -> None:
    """Called once at start."""
    gauges.register(
        "freshness.touches",
        Figures(
            {
                "csplatform_touches": "Changes not looked at yet, counted to 10,001.",
                "csplatform_touches_oldest_seconds": "How long the oldest of them has waited.",
            },
            touches,
        ),
    )
    gauges.register(
        "freshness.flips",
        Figures(
            {
                "csplatform_flips_overdue": "Rules to ask again by now, counted to 10,001.",
                "csplatform_flips_oldest_seconds": "How late the first of them is.",
            },
            flips,
        ),
    )
