"""Assign playbook: starts a list of tasks for the subject (PRG-07, PRG-80)."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import Field

from csplatform.kit.schema import Config
from journeys.models import Playbook
from journeys.playbooks.operations.runs import Asker, assign_playbook
from journeys.playbooks.subjects import Subject
from journeys.steps.kind import CheckContext, EventOffer, Mark, StepBatch, StepKind
from journeys.steps.outcome import Fail, Go, Outcome


class AssignPlaybookConfig(Config):
    """Which playbook."""

    playbook: int | None = Field(
        default=None,
        title="Playbook",
        description="Where it is under way already, nothing is started.",
        json_schema_extra={"options": "playbooks", "reference": "playbook"},
    )


class AssignPlaybook(StepKind):
    """Starts a playbook for everybody who gets here and goes on."""

    key = "assign_playbook"
    label = "Assign playbook"
    sentence = "Starts a playbook: all its tasks at once, each for its owner."
    icon = "library_add_check"
    group = "People"
    Config = AssignPlaybookConfig
    writes_subjects = True
    example = {"playbook": 901}

    def words(self, config: AssignPlaybookConfig, names: Mapping[str, str]) -> str:
        """One sentence."""
        return f"Starts “{names.get(f'playbook:{config.playbook}', 'a playbook')}”"

    def references(self, config: AssignPlaybookConfig) -> set[tuple[str, int | str]]:
        """The playbook."""
        return {("playbook", config.playbook)} if config.playbook else set()

    def offers(self, config: AssignPlaybookConfig) -> tuple[EventOffer, ...]:
        """What a wait below can wait for."""
        return (
            EventOffer("completed", "completed", "playbook.completed"),
            EventOffer("not_completed", "not completed", "playbook.completed", positive=False),
            EventOffer("stopped", "stopped", "playbook.stopped"),
        )

    def check(self, config: AssignPlaybookConfig, context: CheckContext) -> list[Mark]:
        """It is there, on, has tasks, and is for those who travel."""
        if not config.playbook:
            return [Mark("/playbook", "Choose the playbook to start.", code="missing")]
        playbook = context.referred("playbook", config.playbook, _with_tasks)
        if playbook is None:
            return [Mark("/playbook", "This playbook no longer exists; choose another.")]
        if not playbook.is_active:
            return [Mark("/playbook", f"“{playbook}” is switched off; switch it on first.")]
        if playbook.subject != context.subject:
            whom = playbook.get_subject_display().lower()
            return [Mark("/playbook", f"“{playbook}” is for {whom}; choose another one.")]
        if not playbook.tasks.all():
            return [Mark("/playbook", f"“{playbook}” has no tasks yet; add some first.")]
        return []

    def run(self, batch: StepBatch) -> dict[int, Outcome]:
        """One run each, whose id is the ref of waits behind this step."""
        config: AssignPlaybookConfig = batch.step.config
        if not batch.travellers:
            return {}
        playbook = Playbook.objects.filter(pk=config.playbook or 0).first()
        if playbook is None or not playbook.is_active or not playbook.tasks.exists():
            reason = "The playbook of this step is gone, switched off or empty."
            return {t.id: Fail(reason) for t in batch.travellers}
        step = batch.step
        found = assign_playbook(
            playbook.pk,
            [Subject(t.person_id, t.company_id or t.at_company_id) for t in batch.travellers],
            askers=[Asker(t.program_id, t.id, step.id, t.visit) for t in batch.travellers],
            actor=None,
            now=batch.now,
        )
        return {
            t.id: Go(evidence={} if run.new else {"under_way": True}, ref=run.run_id)
            for t, run in zip(batch.travellers, found, strict=True)
        }


def _with_tasks(ids: Iterable[int | str]) -> Mapping[Any, Playbook]:
    rows = Playbook.objects.filter(pk__in=[i for i in ids if isinstance(i, int)])
    return {row.pk: row for row in rows.prefetch_related("tasks")}
