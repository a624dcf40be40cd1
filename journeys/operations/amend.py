"""Changes in place: a numbered amendment of one step of the published version (PRG-43, 44)."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from csplatform.kit import audit, sql
from csplatform.kit.clock import database_now
from csplatform.kit.errors import Conflict, DomainError, Problem
from csplatform.kit.jobs import wake_on_commit
from csplatform.kit.permissions import require
from csplatform.kit.schema import parse_config
from journeys.engine.reactions import note_interest
from journeys.engine.versions import CompiledVersion, load_versions
from journeys.flow.checks import check_flow, errors
from journeys.flow.document import amended, find
from journeys.flow.parse import parse_flow
from journeys.models import Amendment, Program
from journeys.models.program import ProgramState
from journeys.operations.publish import subscribe_version
from journeys.steps.kind import StepView

AMENDABLE = (ProgramState.ACTIVE, ProgramState.PAUSED)


def amend_step(program_id: int, step_key: str, config: Any, *, actor: Any) -> Amendment:
    """Put a new config of a published step in force at once, without a new version.

    What may change is the step kind's to say. Participants that wait at the step are judged by
    the new config right away; decisions taken before keep the amendment that they were taken by.
    The draft follows unless somebody changed the step in it. All or nothing.

    Raises DomainError with paths into the config, Conflict when there is nothing to amend.
    """
    require(actor, "journeys.publish_program")
    with transaction.atomic():
        program = Program.objects.select_for_update(no_key=True).get(pk=program_id)
        version = _published(program)
        old = version.steps.get(step_key)
        if old is None:
            message = f"The published version has no step “{step_key[:40]}”."
            raise DomainError(message, path="/step", code="unknown")
        stored = _checked(program, version, old, config)
        assert program.published is not None
        before = program.published.in_force()
        amendment = Amendment.objects.create(
            version_id=version.id, number=version.amendment + 1, step_key=step_key,
            config=stored, made_at=database_now(), made_by=actor,
        )  # fmt: skip
        now_in_force = load_versions([version.id])[version.id]
        _exchange(old, now_in_force.steps[step_key], amendment)
        subscribe_version(now_in_force)
        note_interest(now_in_force, program.published)
        _let_draft_follow(program, before, step_key, stored)
        _look_again(old.id)
        audit.record(
            actor, "program.amend", program,
            before={"step": step_key, "config": old.config.model_dump(mode="json")},
            after={"step": step_key, "config": stored, "amendment": amendment.number},
        )  # fmt: skip
    return amendment


def _published(program: Program) -> CompiledVersion:
    if program.state not in AMENDABLE or program.published_id is None:
        message = f"A {program.get_state_display().lower()} program has nothing to amend: edit it."
        raise Conflict(message, code="state")
    version = load_versions([program.published_id]).get(program.published_id)
    if version is None:
        raise Conflict("This program is quarantined; see its page for the reason.")
    return version


def _checked(
    program: Program, version: CompiledVersion, old: StepView, config: Any
) -> dict[str, Any]:
    """The config as stored. Raises DomainError for what is wrong or needs a new version."""
    if not isinstance(config, Mapping):
        raise DomainError("A step's settings are an object.", path="/config", code="type")
    new = parse_config(old.kind.Config, dict(config), "/config")
    if new == old.config:
        raise Conflict("Nothing has changed at this step.", code="unchanged")
    marks = old.kind.may_amend(old.config, new)
    if marks:
        raise DomainError([Problem(f"/config{m.path}", m.message, m.code) for m in marks])
    stored: dict[str, Any] = new.model_dump(mode="json")
    assert program.published is not None
    flow = parse_flow(amended(program.published.in_force(), {old.key: stored}))
    found = check_flow(flow, subject=program.type, program_id=program.pk)
    wrong = [mark for mark in errors(found) if mark.step_key == old.key]
    if wrong:
        raise DomainError([Problem(m.path, m.message, m.code) for m in wrong])
    return stored


def _exchange(old: StepView, new: StepView, amendment: Amendment) -> None:
    """Give back what the old config held and take what the new one uses."""
    old.kind.on_disconnect(old, amendment.made_at)
    marks = [mark for mark in new.kind.on_publish(new) if mark.level == "error"]
    if marks:
        raise DomainError([Problem(f"/config{m.path}", m.message, m.code) for m in marks])


def _let_draft_follow(
    program: Program, before: Mapping[str, Any], step_key: str, config: dict[str, Any]
) -> None:
    """The same change in the draft, where the step still is as it was published."""

    def step_in(document: Mapping[str, Any]) -> Any:
        place = find(parse_flow(document), step_key)
        return place and (place.step.kind, place.step.config)

    if step_in(program.draft) == step_in(before):
        program.draft = amended(program.draft, {step_key: config})
        program.draft_revision += 1
        program.save(update_fields=["draft", "draft_revision", "updated_at"])


def _look_again(step_id: int) -> None:
    """Those who wait there look at history by the new config; who is in hand is waited for."""
    woken = sql.run(
        "UPDATE journeys_participant SET due_at = clock_timestamp(), phase = 'arming'"
        " WHERE id IN (SELECT id FROM journeys_participant WHERE step_id = %s"
        "  AND ended_at IS NULL AND state = 'active' AND phase IN ('waiting', 'arming')"
        "  AND wait_local = '' AND limit_at IS NOT NULL ORDER BY id FOR UPDATE)",
        [step_id],
    )
    if woken:
        wake_on_commit("live")
