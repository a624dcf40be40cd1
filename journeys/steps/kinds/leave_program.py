"""Remove from program: ends the subject's runs in other programs (PRG-07)."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from csplatform.kit.schema import Config
from journeys.models import Program
from journeys.operations.handover import take_out
from journeys.steps.kind import CheckContext, Mark, StepBatch, StepKind
from journeys.steps.outcome import Go, Outcome
from journeys.steps.programs import program_marks


class LeaveProgramConfig(Config):
    """Which ones."""

    which: Literal["one", "all"] = Field(
        default="one", title="Out of",
        json_schema_extra={"labels": {"one": "One program", "all": "All other programs"}},
    )  # fmt: skip
    program: int | None = Field(
        default=None, title="Program",
        json_schema_extra={
            "options": "programs", "reference": "program", "when": {"which": ["one"]},
        },
    )  # fmt: skip


class LeaveProgram(StepKind):
    """Takes the subject out of other programs, whatever they do there; never out of this one."""

    key = "leave_program"
    label = "Remove from program"
    sentence = "Takes the person or company out of other programs."
    icon = "playlist_remove"
    group = "People"
    Config = LeaveProgramConfig
    ends_others = True
    example = {"which": "one", "program": 1}

    def words(self, config: LeaveProgramConfig, names: Mapping[str, str]) -> str:
        """One sentence."""
        if config.which == "all":
            return "Takes out of all other programs"
        return f"Takes out of “{names.get(f'program:{config.program}', 'another program')}”"

    def references(self, config: LeaveProgramConfig) -> set[tuple[str, int | str]]:
        """The program."""
        one = config.which == "one" and config.program
        return {("program", config.program)} if one and config.program else set()

    def check(self, config: LeaveProgramConfig, context: CheckContext) -> list[Mark]:
        """The one program is there, of the same type, another one."""
        if config.which == "all":
            return []
        return program_marks(config.program, context, enters=False)

    def run(self, batch: StepBatch) -> dict[int, Outcome]:
        """All of the batch at once."""
        config: LeaveProgramConfig = batch.step.config
        if not batch.travellers:
            return {}
        own = Program.objects.filter(pk=batch.step.program_id).first() or Program(pk=0)
        of = None if config.which == "all" else config.program or 0
        left = take_out(batch.subject, batch.subject_ids(), of=of, by=own)
        wanted = {program for programs in left.values() for program in programs}
        names = dict(Program.objects.filter(pk__in=wanted).values_list("pk", "name"))
        return {
            t.id: Go(evidence={"left": [names[p] for p in left.get(t.subject_id, [])]})
            for t in batch.travellers
        }
