"""Close tasks (CTA): what is open about the subject is done with (PRG-07)."""

from collections import Counter
from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from csplatform.kit import sql
from csplatform.kit.schema import Config
from journeys.models import TaskType
from journeys.models.task import REASON
from journeys.playbooks.operations.close import close_tasks
from journeys.steps.kind import CheckContext, Mark, StepBatch, StepKind
from journeys.steps.outcome import Go, Outcome


class CloseCtaConfig(Config):
    """Which tasks, and how they are said to have gone."""

    type: int | None = Field(
        default=None,
        title="Type",
        description="Empty closes tasks of any type.",
        json_schema_extra={"options": "task_types", "reference": "task_type"},
    )
    reason: str = Field(
        default="", max_length=REASON, title="Reason", description="Empty closes those of any."
    )
    outcome: Literal["successful", "lost", "none"] = Field(
        default="successful",
        title="Outcome",
        json_schema_extra={"labels": {"none": "None"}},
    )
    whose: Literal["program", "all"] = Field(
        default="program",
        title="Which ones",
        json_schema_extra={
            "labels": {
                "program": "Only tasks that this program made",
                "all": "All, also those of playbooks and by hand",
            }
        },
    )


class CloseCta(StepKind):
    """Closes the open tasks about everybody who gets here; none is fine too."""

    key = "close_cta"
    label = "Close tasks (CTA)"
    sentence = "Closes the open tasks (CTAs) about the person or company."
    icon = "assignment_turned_in"
    group = "People"
    Config = CloseCtaConfig
    writes_subjects = True
    example = {"type": 901, "outcome": "successful"}

    def words(self, config: CloseCtaConfig, names: Mapping[str, str]) -> str:
        """One sentence."""
        kind = names.get(f"task_type:{config.type}", "")
        which = f"open “{kind}” tasks" if kind else "open tasks"
        which += f" about “{config.reason}”" if config.reason else ""
        how = "" if config.outcome == "none" else f" as {config.outcome}"
        return f"Closes {which}{how}"

    def references(self, config: CloseCtaConfig) -> set[tuple[str, int | str]]:
        """The type."""
        return {("task_type", config.type)} if config.type else set()

    def check(self, config: CloseCtaConfig, context: CheckContext) -> list[Mark]:
        """The type is there."""
        if config.type and not context.referred("task_type", config.type, TaskType.objects.in_bulk):
            return [Mark("/type", "This task type no longer exists; choose another.")]
        return []

    def run(self, batch: StepBatch) -> dict[int, Outcome]:
        """One look and one closing for all."""
        config: CloseCtaConfig = batch.step.config
        column = f"{batch.subject}_id"
        program = batch.step.program_id if config.whose == "program" else None
        found = sql.rows(
            f"SELECT id, {column} FROM journeys_task WHERE {column} = ANY(%s)"
            " AND status <> 'closed' AND (%s::bigint IS NULL OR type_id = %s)"
            " AND (%s = '' OR reason = %s) AND (%s::bigint IS NULL OR program_id = %s)",
            [batch.subject_ids(), config.type, config.type, config.reason, config.reason,
             program, program],
        )  # fmt: skip
        outcome = "" if config.outcome == "none" else config.outcome
        reason = f"Step “{batch.step.name}”"
        done = close_tasks(
            [row[0] for row in found], outcome=outcome, actor=None, reason=reason, now=batch.now
        )
        closed = set(done.ids)
        counts = Counter(subject for id_, subject in found if id_ in closed)
        return {t.id: Go(evidence={"closed": counts[t.subject_id]}) for t in batch.travellers}
