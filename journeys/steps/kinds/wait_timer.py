"""Wait timer: a span of time, unconditionally (PRG-05)."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal

from pydantic import Field

from csplatform.kit.schema import Config
from journeys.steps.kind import StepBatch, StepKind
from journeys.steps.outcome import Go, Outcome, WaitUntil

Unit = Literal["minutes", "hours", "days"]


class WaitTimerConfig(Config):
    """How long."""

    amount: int = Field(default=1, ge=1, le=3650, title="Wait for")
    unit: Unit = Field(default="days", title="Unit")


class WaitTimer(StepKind):
    """Holds everybody for the same span."""

    key = "wait_timer"
    label = "Wait timer"
    sentence = "Holds people for a span of time, then goes on."
    icon = "timer"
    group = "Waits"
    Config = WaitTimerConfig
    example = {"amount": 3, "unit": "days"}

    def words(self, config: WaitTimerConfig, names: Mapping[str, str]) -> str:
        """One sentence."""
        unit = config.unit if config.amount != 1 else config.unit.removesuffix("s")
        return f"Waits {config.amount} {unit}"

    def run(self, batch: StepBatch) -> dict[int, Outcome]:
        """Everybody gets a due time."""
        config: Any = batch.step.config
        span = timedelta(**{config.unit: config.amount})
        return {t.id: WaitUntil(t.step_since + span) for t in batch.travellers}

    def resume(self, batch: StepBatch) -> dict[int, Outcome]:
        """The time is up."""
        return {t.id: Go() for t in batch.travellers}
