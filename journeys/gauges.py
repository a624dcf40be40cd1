"""Figures of programs and messages for /metrics: queries that the engine's own indexes answer."""

from collections.abc import Iterator

from csplatform.kit import sql
from csplatform.kit.liveness import alive_among
from csplatform.kit.metrics import COUNT_UP_TO, Figures, Reading, gauges
from journeys.models.outbox import OutboxState
from journeys.models.participant import Lane

AGE = "coalesce(extract(epoch FROM clock_timestamp() - min({})), 0)::float"
# States in which a message is not at its end. Each has a partial index that begins the scan.
_OPEN = (
    "(SELECT channel, state FROM journeys_outbox WHERE state = 'pending'"
    " ORDER BY due_at, id LIMIT %(most)s)"
    " UNION ALL (SELECT channel, state FROM journeys_outbox"
    " WHERE state IN ('sending', 'uncertain', 'dead') ORDER BY state, id LIMIT %(most)s)"
)


def participants() -> Iterator[Reading]:
    """Due in each lane. Those of quarantined programs do not count: the engine leaves them alone;
    so that many of them cost nothing, only the first 10,001 due ones are looked at."""
    for lane in Lane:
        number, age = sql.rows(
            f"SELECT count(*), {AGE.format('p.due_at')} FROM (SELECT program_id, due_at"
            "  FROM journeys_participant WHERE lane = %s AND due_at <= clock_timestamp()"
            "  ORDER BY due_at, id LIMIT %s) p"
            " WHERE p.program_id <> ALL (ARRAY("
            "  SELECT id FROM journeys_program WHERE quarantine <> ''))",
            [lane.value, COUNT_UP_TO + 1],
        )[0]
        label = {"lane": lane.name.lower()}
        yield Reading("csplatform_participants_due", number, label)
        yield Reading("csplatform_participants_oldest_due_seconds", age, label)


def messages() -> Iterator[Reading]:
    """Messages that are not at their end, and how late the first due one is."""
    rows = sql.rows(
        f"SELECT channel, state, count(*) FROM ({_OPEN}) t GROUP BY 1, 2",
        {"most": COUNT_UP_TO + 1},
    )
    found = {(channel, state): number for channel, state, number in rows}
    for state in (
        OutboxState.PENDING,
        OutboxState.SENDING,
        OutboxState.UNCERTAIN,
        OutboxState.DEAD,
    ):
        for channel in {"email", *(channel for channel, _ in found)}:
            label = {"channel": channel, "state": state.value}
            yield Reading("csplatform_messages", found.get((channel, state.value), 0), label)
    age = sql.one(
        f"SELECT {AGE.format('since')} FROM ("
        " (SELECT due_at AS since FROM journeys_outbox WHERE state = 'pending'"
        "  AND due_at <= clock_timestamp() ORDER BY due_at, id LIMIT 1)"
        " UNION ALL (SELECT created_at FROM journeys_outbox WHERE state = 'pending'"
        "  AND due_at IS NULL ORDER BY due_at, id LIMIT 1)) t"
    )
    yield Reading("csplatform_messages_oldest_due_seconds", age)


def batches() -> Iterator[Reading]:
    """Batches that workers have in hand, and those whose worker is gone; a handful of rows."""
    rows = sql.rows(f"SELECT worker FROM journeys_batch LIMIT {COUNT_UP_TO + 1}")
    alive = alive_among({row[0] for row in rows})
    yield Reading("csplatform_batches", len(rows))
    yield Reading("csplatform_batches_orphaned", sum(row[0] not in alive for row in rows))


def programs() -> Iterator[Reading]:
    """Programs by state, and those that the engine leaves alone; one row per program."""
    number = sql.one("SELECT count(*) FROM journeys_program WHERE quarantine <> ''")
    yield Reading("csplatform_programs_quarantined", number)
    for state, count in sql.rows("SELECT state, count(*) FROM journeys_program GROUP BY 1"):
        yield Reading("csplatform_programs", count, {"state": state})


FIGURES = {
    "journeys.participants": Figures(
        {
            "csplatform_participants_due": "Participants due in a lane, counted to 10,001.",
            "csplatform_participants_oldest_due_seconds": "How late the first of them is.",
        },
        participants,
    ),
    "journeys.messages": Figures(
        {
            "csplatform_messages": "Messages not at their end, counted to 10,001.",
            "csplatform_messages_oldest_due_seconds": "How late the first due message is.",
        },
        messages,
    ),
    "journeys.batches": Figures(
        {
            "csplatform_batches": "Batches in hand.",
            "csplatform_batches_orphaned": "Batches whose worker is gone.",
        },
        batches,
    ),
    "journeys.programs": Figures(
        {
            "csplatform_programs": "Programs by state.",
            "csplatform_programs_quarantined": "Programs that the engine leaves alone.",
        },
        programs,
    ),
}


def register() -> None:
    """Called once at start."""
    for key, figures in FIGURES.items():
        gauges.register(key, figures)
