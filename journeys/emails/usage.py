"""Which programs send a template, or refer to another thing."""

from collections import defaultdict
from dataclasses import dataclass

from django.db.models import F

from csplatform.kit.errors import DomainError
from csplatform.kit.schema import parse_config
from journeys.models import Step
from journeys.models.program import ProgramState
from journeys.steps.registry import step_kinds

GONE = (ProgramState.STOPPED,)  # a completed one may take people in again


@dataclass(frozen=True)
class ProgramUse:
    """A program whose published version refers to something."""

    program_id: int
    name: str


def template_usage() -> dict[int, list[ProgramUse]]:
    """Template id to the living programs whose published version sends it. One query."""
    return reference_usage("email_template")


def reference_usage(wanted: str) -> dict[int, list[ProgramUse]]:
    """Id to the living programs whose published version refers to it. One query.

    Args:
        wanted: a type of `StepKind.references`.
    """
    steps = (
        Step.objects.filter(version=F("version__program__published"))
        .exclude(version__program__state__in=GONE)
        .order_by("version__program__name", "pk")
        .values_list("kind", "config", "version__program_id", "version__program__name")
    )
    found: dict[int, dict[int, ProgramUse]] = defaultdict(dict)
    for kind, config, program_id, name in steps:
        for reference, key in _references(kind, config):
            if reference == wanted:
                found[int(key)][program_id] = ProgramUse(program_id, name)
    return {key: list(uses.values()) for key, uses in found.items()}


def _references(kind: str, config: dict) -> set[tuple[str, int | str]]:
    """What a stored step points at; nothing for a kind or config that is no longer known."""
    if kind not in step_kinds:
        return set()
    known = step_kinds.get(kind)
    try:
        return known.references(parse_config(known.Config, config))
    except DomainError:
        return set()
