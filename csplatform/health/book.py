"""Health in the book: the score with its word, a filter, and how many are in trouble."""

from csplatform.health.models import Label
from csplatform.health.panels import TONES
from csplatform.snapshots.book import (
    Cell,
    Column,
    Filter,
    Line,
    Measure,
    columns,
    filters,
    measures,
    sources,
)

VIEW = "health.view_healthscore"


def register() -> None:
    """Called once by health.registrations."""
    sources.register(
        "health",
        "SELECT company_id, score, label FROM health_healthscore"
        " WHERE score IS NOT NULL AND {within}",
    )
    columns.register(
        "health",
        Column("health", "Health", 40, "health.score", "health", more="health.label",
               more_label="Health in a word", cell=_cell, figures=True, permission=VIEW),
    )  # fmt: skip
    choices = {value: (f"{word} health", f"health.label = '{value}'")
               for value, word in Label.choices}  # fmt: skip
    choices["none"] = ("No score", "health.score IS NULL")
    filters.register("health", Filter("health", "Any health", 20, choices, "health", VIEW))
    measures.register(
        "health",
        Measure("health", "Poor health", 40, "count(*) FILTER (WHERE health.label = 'poor')",
                {"health": "poor"}, "health", "bad", VIEW),
    )  # fmt: skip


def _cell(value: int | None, more: str | None, line: Line) -> Cell:
    word = dict(Label.choices).get(more or "", "")
    return Cell(value, note=str(word), tone=TONES.get(more or "", ""))
