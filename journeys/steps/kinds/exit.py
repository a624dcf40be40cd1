"""Exit: the run ends here."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from csplatform.kit.schema import Config
from journeys.steps.kind import StepBatch, StepKind
from journeys.steps.outcome import Leave, Outcome


class ExitConfig(Config):
    """Nothing but an optional word why."""

    reason: str = Field(
        default="", max_length=100, title="Reason", description="Shown in the participant's feed."
    )


class Exit(StepKind):
    """Ends the run as completed."""

    key = "exit"
    label = "Exit"
    sentence = "Ends the program for whoever gets here."
    icon = "logout"
    group = "Decisions"
    Config = ExitConfig
    ends = True
    example = {"reason": "Not a fit"}

    def words(self, config: ExitConfig, names: Mapping[str, str]) -> str:
        """One sentence."""
        return f"Leaves the program: {config.reason}" if config.reason else "Leaves the program"

    def run(self, batch: StepBatch) -> dict[int, Outcome]:
        """Everybody leaves."""
        config: Any = batch.step.config
        leave = Leave("completed", config.reason or "exit", {"exit_step": batch.step.key})
        return {t.id: leave for t in batch.travellers}
