"""Program models: what a new program starts with, and what may be added to it (PRG-02).

A model is chosen when a program is made and stays. The editor offers what it allows, the checks
mark what it does not, and docs/programs.md carries a table of all of them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from csplatform.kit.errors import DomainError
from csplatform.kit.registry import Registry
from journeys.flow.document import Flow, Place, walk
from journeys.flow.parse import parse_flow
from journeys.steps.kind import StepKind
from journeys.steps.registry import GROUPS, step_kinds

DEFAULT = "journey"
# A model's needs in words, for docs and forms.
SOURCE, STEPS, CONTEXT_ID = "an entry source", "one action step", "a context id per participant"


@dataclass(frozen=True)
class ProgramModel:
    """One model.

    Attributes:
        sentence: what it is for, for the choice.
        flows: subject ("person", "company") -> the document that a new program starts with; who
            is not in it cannot travel such a program.
        groups: groups of step kinds that may be added; without: kinds of these that may not.
        max_steps, max_sources: at most so many; None: as many as you like.
        needs_source: an entry source is required, not only advised.
        needs_context_id: each participant must carry one.
        settings: what is on by default beyond the flow, e.g. {"escalation": True}.
    """

    key: str
    label: str
    sentence: str
    icon: str
    flows: Mapping[str, Mapping[str, Any]]
    groups: tuple[str, ...] = GROUPS
    without: frozenset[str] = frozenset()
    max_steps: int | None = None
    max_sources: int | None = None
    needs_source: bool = False
    needs_context_id: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)

    def allows(self, kind: StepKind) -> bool:
        """Whether a kind of step may be added."""
        return kind.group in self.groups and kind.key not in self.without

    @property
    def required(self) -> tuple[str, ...]:
        """What must be given, in words."""
        return (
            *((SOURCE,) if self.needs_source else ()),
            *((STEPS,) if self.max_steps == 1 else ()),
            *((CONTEXT_ID,) if self.needs_context_id else ()),
        )


@dataclass(frozen=True)
class Objection:
    """What a model has against a flow, at a step ("" for the whole)."""

    step_key: str
    path: str
    message: str
    code: str = "model"


def _fit(model: ProgramModel) -> str:
    if not (model.label and model.sentence and model.icon and model.flows):
        return "label, sentence, icon and flows are needed"
    if wrong := set(model.groups) - set(GROUPS):
        return f"unknown groups {sorted(wrong)}"
    try:
        for document in model.flows.values():
            parse_flow(dict(document))
    except DomainError as error:
        return str(error)
    return ""


program_models: Registry[ProgramModel] = Registry("program model", _fit)


def objections(model_key: str, flow: Flow) -> Iterator[Objection]:
    """Everything in a flow that its model does not allow."""
    if model_key not in program_models:
        yield Objection("", "", f"“{model_key}” is no known model of programs.", "unknown_model")
        return
    model = program_models.get(model_key)
    yield from _sources(model, flow)
    places = list(walk(flow))
    for index, place in enumerate(places):
        if message := _against(model, place):
            yield Objection(place.step.key, place.path, message)
        elif model.max_steps is not None and index >= model.max_steps:
            yield Objection(place.step.key, place.path, _too_many(model))


def _against(model: ProgramModel, place: Place) -> str:
    if place.step.kind not in step_kinds:
        return ""
    kind = step_kinds.get(place.step.kind)
    if model.allows(kind):
        return ""
    return (
        f"“{kind.label}” does not belong into the model “{model.label}”: delete it, or build this"
        " as a “Journey”, which takes every step."
    )


def _too_many(model: ProgramModel) -> str:
    steps = "one step" if model.max_steps == 1 else f"{model.max_steps} steps"
    return f"The model “{model.label}” has {steps}: delete this one, or build it as a “Journey”."


def _sources(model: ProgramModel, flow: Flow) -> Iterator[Objection]:
    given = flow.entry.get("sources")
    count = len(given) if isinstance(given, list) else 0
    if model.max_sources is not None and count > model.max_sources:
        sources = "one source" if model.max_sources == 1 else f"{model.max_sources} sources"
        message = f"The model “{model.label}” has {sources}: remove the others."
        yield Objection("", f"/entry/sources/{model.max_sources}", message)
    if model.needs_source and not count:
        message = f"The model “{model.label}” needs a source: choose who enters."
        yield Objection("", "/entry/sources", message)


def flow_of(model_key: str, subject: str) -> dict[str, Any]:
    """What a new program starts with. Raises DomainError when the subject cannot travel it."""
    if model_key not in program_models:
        known = ", ".join(program_models.keys())
        raise DomainError(f"The model is one of {known}.", path="/model", code="choice")
    model = program_models.get(model_key)
    if subject not in model.flows:
        whom = "people" if "person" in model.flows else "companies"
        raise DomainError(f"“{model.label}” is for {whom} only.", path="/model", code="subject")
    return {"entry": {"sources": []}, **model.flows[subject]}


def _step(key: str, kind: str, name: str, exits: Any = None, **config: Any) -> dict[str, Any]:
    data: dict[str, Any] = {"key": key, "kind": kind, "name": name, "config": config}
    return data | ({"exits": exits} if exits else {})


def register() -> None:
    """Called once at start by journeys.registrations."""
    empty: dict[str, Any] = {"steps": []}
    chain = {
        "steps": [
            _step("mail", "send_email", "First mail"),
            _step(
                "opened", "conditional_wait", "Opened it?", amount=3, unit="days",
                conditions=[{"type": "event", "step": "mail", "event": "opened"}],
                exits={"met": [], "not_met": [_step("reminder", "send_email", "Reminder")]},
            ),
        ]
    }  # fmt: skip
    for model in (
        ProgramModel(
            DEFAULT, "Journey", "Free composition: every step, in any order.", "conversion_path",
            {"person": empty, "company": empty},
        ),
        ProgramModel(
            "email_chain", "Email chain",
            "Mails one after the other, with waits and decisions between them.", "stacked_email",
            {"person": chain},
        ),
        ProgramModel(
            "simple", "Simple", "One source, one action: everybody in a segment gets it.", "bolt",
            {
                "person": {"steps": [_step("action", "send_email", "The mail")]},
                "company": {"steps": [_step("action", "call_webhook", "The message")]},
            },
            groups=("Messages", "Data", "People"), max_steps=1, max_sources=1, needs_source=True,
        ),
    ):  # fmt: skip
        program_models.register(model.key, model)
