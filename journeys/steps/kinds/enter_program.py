"""Add to program: lets the subject into another program (PRG-07)."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from csplatform.freshness.touches import cause_depth
from csplatform.kit.schema import Config
from journeys.engine.candidates import REASONS
from journeys.operations.handover import GONE, OTHER_TYPE, let_in
from journeys.steps.kind import CheckContext, Mark, StepBatch, StepKind
from journeys.steps.outcome import Go, Outcome
from journeys.steps.programs import program_marks

WORDS = {GONE: "That program no longer exists.", OTHER_TYPE: "That program is for others."}


class EnterProgramConfig(Config):
    """Which program."""

    program: int | None = Field(
        default=None,
        title="Program",
        description="Its own rules of entry count: who may not enter is listed there, with the"
        " reason.",
        json_schema_extra={"options": "programs", "reference": "program"},
    )


class EnterProgram(StepKind):
    """Hands the subject to another program and goes on here, whether it got in or not.

    Programs that let each other in again and again are stopped, visibly.
    """

    key = "enter_program"
    label = "Add to program"
    sentence = "Lets the person or company into another program, too."
    icon = "playlist_add"
    group = "People"
    Config = EnterProgramConfig
    writes_subjects = True  # entering locks them, and the depth of the cause counts
    example = {"program": 1}

    def words(self, config: EnterProgramConfig, names: Mapping[str, str]) -> str:
        """One sentence."""
        return f"Adds to “{names.get(f'program:{config.program}', 'another program')}”"

    def references(self, config: EnterProgramConfig) -> set[tuple[str, int | str]]:
        """The program."""
        return {("program", config.program)} if config.program else set()

    def enters(self, config: EnterProgramConfig) -> set[int]:
        """The program."""
        return {config.program} if config.program else set()

    def check(self, config: EnterProgramConfig, context: CheckContext) -> list[Mark]:
        """It is there, of the same type, another one."""
        return program_marks(config.program, context, enters=True)

    def run(self, batch: StepBatch) -> dict[int, Outcome]:
        """All of the batch at once."""
        config: EnterProgramConfig = batch.step.config
        if not batch.travellers:
            return {}
        reasons = let_in(
            config.program or 0, batch.subject, batch.subject_ids(), now=batch.now,
            cause={"how": "program", "from_program": batch.step.program_id},
            depth=cause_depth.get() + 1,
        )  # fmt: skip
        outcomes: dict[int, Outcome] = {}
        for t in batch.travellers:
            reason = reasons[t.subject_id]
            evidence: dict[str, Any] = {"program": config.program, "entered": not reason}
            if reason:
                evidence["refused"] = WORDS.get(reason) or REASONS.get(reason) or reason
            outcomes[t.id] = Go(evidence=evidence)
        return outcomes
