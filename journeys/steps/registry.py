"""The registry of step kinds."""

from csplatform.kit.registry import Registry
from csplatform.kit.schema import Config
from journeys.steps.kind import StepKind

GROUPS = ("Messages", "Waits", "Decisions", "Data", "People")


def _fit(kind: StepKind) -> str:
    for name in ("key", "label", "sentence", "icon", "group", "Config"):
        if not getattr(kind, name, None):
            return f"{name} is missing"
    if kind.group not in GROUPS:
        return f"unknown group {kind.group!r}"
    if not (isinstance(kind.Config, type) and issubclass(kind.Config, Config)):
        return "Config must be a csplatform.kit.schema.Config"
    if type(kind).run is StepKind.run or type(kind).words is StepKind.words:
        return "run and words must be written"
    return ""


step_kinds: Registry[StepKind] = Registry("step kind", _fit)
