"""Conditions that rest on something that was exchanged: marked until somebody looked (PRG-43)."""

from typing import Any

from django.db import transaction

from csplatform.kit import audit
from csplatform.kit.permissions import require
from journeys.flow.checks import StepMark
from journeys.flow.document import Flow, find
from journeys.flow.parse import parse_flow
from journeys.models import Program


def review_marks(program: Program, flow: Flow) -> list[StepMark]:
    """A warning at every step that waits to be reviewed and was not edited since."""
    if not program.to_review or program.published is None:
        return []
    in_force = parse_flow(program.published.in_force())
    marks = []
    for key, name in program.to_review.items():
        place, published = find(flow, key), find(in_force, key)
        if place and published and place.step.config == published.step.config:
            message = (
                f"What “{name}” shows was exchanged: check that these conditions still fit, then"
                " change them or say that they fit."
            )
            marks.append(StepMark(key, place.path, message, "warning", "review"))
    return marks


def confirm_review(program_id: int, step_key: str, *, actor: Any) -> None:
    """The conditions of a step still fit after the exchange. Twice is once."""
    require(actor, "journeys.publish_program")
    with transaction.atomic():
        program = Program.objects.select_for_update(no_key=True).get(pk=program_id)
        if program.to_review.pop(step_key, None) is not None:
            program.save(update_fields=["to_review", "updated_at"])
            audit.record(actor, "program.review", program, after={"step": step_key})
