"""A flow whose rules know the calculated fields that they name."""

from dataclasses import replace

from journeys.fields.definition import Definition, by_key, expanded
from journeys.flow.document import Flow, FlowStep


def with_fields(flow: Flow) -> Flow:
    """The same flow with definitions beside the names of fields. Places stay what they are."""
    fields = by_key(flow.fields)
    if not fields:
        return flow
    return replace(
        flow,
        steps=tuple(_step(step, fields) for step in flow.steps),
        goal=expanded(flow.goal, fields),
        exit_rules=tuple(expanded(rule, fields) for rule in flow.exit_rules),
    )


def _step(step: FlowStep, fields: dict[str, Definition]) -> FlowStep:
    exits = {key: tuple(_step(s, fields) for s in steps) for key, steps in step.exits.items()}
    return replace(step, config=expanded(step.config, fields), exits=exits)
