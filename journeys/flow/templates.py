"""Ready flows to start a program from (PRG-01). Packages above register theirs."""

from dataclasses import dataclass
from typing import Any

from csplatform.kit.errors import DomainError
from csplatform.kit.registry import Registry
from journeys.flow.parse import parse_flow


@dataclass(frozen=True)
class FlowTemplate:
    """A flow to start from. What only the installation knows (which mail) is left open, and the
    editor marks it at its step.

    Attributes:
        type: who travels it, "person" or "company".
        sentence: what it does, for the choice.
    """

    label: str
    sentence: str
    type: str
    document: dict[str, Any]


def _fit(template: FlowTemplate) -> str:
    try:
        parse_flow(template.document)
    except DomainError as error:
        return str(error)
    return "" if template.type in ("person", "company") else "type is person or company"


flow_templates: Registry[FlowTemplate] = Registry("flow template", _fit)


def step(key: str, kind: str, name: str, exits: Any = None, **config: Any) -> dict[str, Any]:
    """One step of a template's document."""
    data: dict[str, Any] = {"key": key, "kind": kind, "name": name, "config": config}
    return data | ({"exits": exits} if exits else {})


def wait_for(
    key: str, name: str, about: str, event: str, days: int, **exits: Any
) -> dict[str, Any]:
    """A conditional wait for an event of an earlier step."""
    conditions = [{"type": "event", "step": about, "event": event}]
    paths = {"met": exits.get("met", []), "not_met": exits.get("not_met", [])}
    return step(
        key, "conditional_wait", name, paths, conditions=conditions, amount=days, unit="days"
    )


def register() -> None:
    """Called once at start by journeys.registrations."""
    reminder = [step("reminder", "send_email", "Reminder")]
    flow_templates.register(
        "mail_and_reminder",
        FlowTemplate(
            "Mail with a reminder",
            "A mail; whoever does not open it within three days gets another.",
            "person",
            {
                "steps": [
                    step("mail", "send_email", "First mail"),
                    wait_for("opened", "Opened it?", "mail", "opened", 3, not_met=reminder),
                ]
            },
        ),
    )
    groups = [
        {"key": "mail", "label": "Gets the mail", "percent": 90},
        {"key": "none", "label": "Hold-out", "percent": 10},
    ]
    leave = [step("leave", "exit", "Hold-out ends", reason="hold-out")]
    flow_templates.register(
        "hold_out",
        FlowTemplate(
            "Mail with a hold-out",
            "A tenth gets nothing, so that you can tell what the mail changes.",
            "person",
            {
                "steps": [
                    step("split", "split", "Hold out a tenth", {"mail": [], "none": leave},
                         groups=groups),
                    step("mail", "send_email", "The mail"),
                    wait_for("clicked", "Clicked?", "mail", "clicked", 5),
                ]
            },
        ),
    )  # fmt: skip
    large = [step("stage", "set_attribute", "Mark it", attribute="stage", value="renewal")]
    rule = {"test": "attribute", "name": "arr", "operator": "gt", "value": 20000}
    flow_templates.register(
        "large_accounts",
        FlowTemplate(
            "Mark large accounts",
            "Waits two weeks, then marks companies above an ARR.",
            "company",
            {
                "steps": [
                    step("pause", "wait_timer", "Two weeks", amount=14, unit="days"),
                    step("large", "if_else", "Large?", {"yes": large, "else": []},
                         paths=[{"key": "yes", "label": "ARR over 20,000", "rule": rule}]),
                ]
            },
        ),
    )  # fmt: skip
