"""Changes in place: a numbered amendment of one step of the published version (PRG-43, 44)."""

from collections.abc import Mapping
from dataclasses import dataclass
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
from journeys.flow.document import Flow, amended, find, walk
from journeys.flow.parse import parse_flow
from journeys.models import Amendment, Participant, Program
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
        _ask_for_review(program, version, old, now_in_force.steps[step_key])
        subscribe_version(now_in_force)
        note_interest(now_in_force, program.published)
        _let_draft_follow(program, before, old, stored)
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
    new = version.config_of(old.kind, config, "/config")
    if new == old.config:
        raise Conflict("Nothing has changed at this step.", code="unchanged")
    marks = old.kind.may_amend(old.config, new)
    if marks:
        raise DomainError([Problem(f"/config{m.path}", m.message, m.code) for m in marks])
    plain = parse_config(old.kind.Config, dict(config), "/config")
    stored: dict[str, Any] = plain.model_dump(mode="json")
    assert program.published is not None
    flow = parse_flow(amended(program.published.in_force(), {old.key: stored}))
    found = check_flow(flow, subject=program.type, program_id=program.pk)
    wrong = [mark for mark in errors(found) if mark.step_key == old.key]
    if wrong:
        raise DomainError([Problem(m.path, m.message, m.code) for m in wrong])
    return stored


def _exchange(old: StepView, new: StepView, amendment: Amendment) -> None:
    """Give back what the old config held, in earlier versions too, and take what the new one
    uses."""
    for view in [old, *_in_earlier_versions(old, new)]:
        view.kind.on_disconnect(view, amendment.made_at)
    marks = [mark for mark in new.kind.on_publish(new) if mark.level == "error"]
    if marks:
        raise DomainError([Problem(f"/config{m.path}", m.message, m.code) for m in marks])


def _in_earlier_versions(old: StepView, new: StepView) -> list[StepView]:
    """The same step of earlier versions that people still travel, where it uses the same thing."""
    used = old.kind.references(old.config)
    if used == new.kind.references(new.config):
        return []
    running = Participant.objects.filter(program=old.program_id, ended_at=None)
    versions = load_versions(
        running.exclude(version=old.version_id).values_list("version", flat=True).distinct()
    )
    views = (version.steps.get(old.key) for version in versions.values())
    return [
        view for view in views
        if view and view.kind is old.kind and view.kind.references(view.config) == used
    ]  # fmt: skip


# --- what is to be looked at after an exchange ------------------------------------------------


def _ask_for_review(
    program: Program, version: CompiledVersion, old: StepView, new: StepView
) -> None:
    """Steps whose conditions rest on what was exchanged are marked; the amended step is not."""
    before = dict(program.to_review)
    program.to_review.pop(old.key, None)
    if old.kind.references(old.config) != new.kind.references(new.config):
        for view in version.steps.values():
            if old.key in view.kind.depends_on(view.config):
                program.to_review[view.key] = new.name
    if program.to_review != before:
        program.save(update_fields=["to_review", "updated_at"])


# --- from the draft ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Amendable:
    """A change of the draft that may be put in force at once, without a new version.

    Attributes:
        step: as it is in force; config: as the draft has it.
        here: participants at the step now; review: names of steps to look at afterwards.
    """

    step: StepView
    config: Mapping[str, Any]
    here: int
    review: tuple[str, ...]


def amendable_steps(program: Program, flow: Flow) -> dict[str, Mapping[str, Any]]:
    """Step key -> config of the draft, for what it changes in a way that may be done in place."""
    version = _in_force(program)
    if version is None:
        return {}
    found = {}
    for place in walk(flow):
        old = version.steps.get(place.step.key)
        if (
            old
            and old.kind.key == place.step.kind
            and _differs_in_place(version, old, place.step.config)
        ):
            found[old.key] = place.step.config
    return found


def _in_force(program: Program) -> CompiledVersion | None:
    if program.state not in AMENDABLE or program.published_id is None:
        return None
    return load_versions([program.published_id]).get(program.published_id)


def _differs_in_place(version: CompiledVersion, old: StepView, config: Mapping[str, Any]) -> bool:
    try:
        new = version.config_of(old.kind, config)
    except DomainError:
        return False
    return new != old.config and not old.kind.may_amend(old.config, new)


def amendable(program: Program, flow: Flow, step_key: str) -> Amendable | None:
    """What putting the draft's change of a step in force would mean, if it may be done in place."""
    version = _in_force(program)
    config = amendable_steps(program, flow).get(step_key)
    if version is None or config is None:
        return None
    old = version.steps[step_key]
    new = version.config_of(old.kind, config)
    exchanged = old.kind.references(old.config) != old.kind.references(new)
    return Amendable(
        step=old,
        config=config,
        here=Participant.objects.filter(step=old.id, ended_at=None).count(),
        review=tuple(
            view.name for view in version.steps.values()
            if exchanged and step_key in view.kind.depends_on(view.config)
        ),
    )  # fmt: skip


def _let_draft_follow(
    program: Program, before: Mapping[str, Any], old: StepView, stored: dict[str, Any]
) -> None:
    """The same change in the draft, where the step still is as it was published, or where the
    change came from."""

    def step_in(document: Mapping[str, Any]) -> Any:
        place = find(parse_flow(document), old.key)
        return place and (place.step.kind, _full(old, place.step.config))

    if step_in(program.draft) in (step_in(before), (old.kind.key, stored)):
        program.draft = amended(program.draft, {old.key: stored})
        program.draft_revision += 1
        program.save(update_fields=["draft", "draft_revision", "updated_at"])


def _full(step: StepView, config: Mapping[str, Any]) -> Any:
    """A config with all its defaults, as it is stored; as it is when it cannot be read."""
    try:
        return parse_config(step.kind.Config, dict(config)).model_dump(mode="json")
    except DomainError:
        return config


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
