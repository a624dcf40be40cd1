"""A flow in plain words: each step's sentence, its paths, the entry, the goal.

Names of what steps point at (mails, segments, engagements) are resolved for the whole flow at
once. Reads the database; never fails on a broken step, whose marks tell what is wrong.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError

from csplatform.kit.errors import DomainError
from csplatform.rules.kind import Known
from csplatform.rules.parse import parse_rule
from csplatform.rules.tree import AllOf
from csplatform.rules.words import phrase
from journeys.flow.document import Flow, FlowStep, walk
from journeys.flow.entry_words import (
    control_words,
    entry_references,
    entry_title,
    entry_words,
    leaving_words,
    query_rules,
)
from journeys.flow.fields import with_fields
from journeys.steps.options import names_of
from journeys.steps.registry import step_kinds


@dataclass(frozen=True)
class ExitWords:
    """A path of a branching step. `detail` says who takes it, where the step tells."""

    key: str
    label: str
    tone: str = ""
    detail: str = ""


@dataclass(frozen=True)
class StepWords:
    """A step for the screen."""

    kind_label: str
    icon: str
    group: str
    title: str
    sentence: str
    exits: tuple[ExitWords, ...] = ()
    ends: bool = False


@dataclass(frozen=True)
class FlowWords:
    """A whole flow for the screen; `steps` by key, `names` as kinds' `words` take them.

    Attributes:
        title: who enters, in a few words; entry: how, in a sentence.
        leaving: what else takes people out, and who is held out, a sentence each.
    """

    title: str
    entry: str
    goal: str
    exit_rules: tuple[str, ...]
    leaving: tuple[str, ...]
    steps: Mapping[str, StepWords]
    names: Mapping[str, str] = field(default_factory=dict)


def flow_words(flow: Flow, subject: str, known_names: Mapping[str, str] | None = None) -> FlowWords:
    """Everything about a flow in words.

    Args:
        known_names: "type:id" -> name of things that are not in the database (yet).
    """
    flow = with_fields(flow)
    known = Known()
    configs = {place.step.key: _config(place.step) for place in walk(flow)}
    names = resolve_names(flow, configs) | dict(known_names or {})
    steps = {
        place.step.key: _step_words(place.step, configs[place.step.key], names, subject, known)
        for place in walk(flow)
    }
    rules = tuple(_exit_rule(rule, subject, known) for rule in flow.exit_rules)
    goal = "" if flow.goal is None else rule_phrase(flow.goal, subject, known)
    whom = "people for whom" if subject == "person" else "companies for which"
    asked = [rule_phrase(rule, subject, known) for rule in query_rules(flow.entry)]
    queries = [words if words == "everybody" else f"{whom} {words}" for words in asked]
    return FlowWords(
        title=entry_title(flow.entry, names, queries),
        entry=entry_words(flow.entry),
        goal=goal,
        exit_rules=rules,
        leaving=(*leaving_words(flow, names), *control_words(flow)),
        steps=steps,
        names=names,
    )


def resolve_names(flow: Flow, configs: Mapping[str, BaseModel | None]) -> dict[str, str]:
    """Step key -> name, and "type:id" -> name of everything that steps and entry point at."""
    wanted = entry_references(flow)
    names: dict[str, str] = {}
    for place in walk(flow):
        step, config = place.step, configs[place.step.key]
        names[step.key] = step.name
        if config is not None:
            wanted |= step_kinds.get(step.kind).references(config)
    return names_of(wanted) | names


def _config(step: FlowStep) -> BaseModel | None:
    """The step's settings if they can be read."""
    if step.kind not in step_kinds:
        return None
    try:
        return step_kinds.get(step.kind).Config.model_validate(dict(step.config))
    except ValidationError:
        return None


def _step_words(
    step: FlowStep, config: BaseModel | None, names: dict[str, str], subject: str, known: Known
) -> StepWords:
    if step.kind not in step_kinds:
        exits = tuple(ExitWords(key, key.replace("_", " ").capitalize()) for key in step.exits)
        title = step.name or step.kind
        return StepWords("Unknown step", "help", "", title, "Nobody here knows this step.", exits)
    kind = step_kinds.get(step.kind)
    if config is None:
        labels = _labels(step.config)
        keys = _in_order(step.exits, labels)
        exits = tuple(ExitWords(key, labels.get(key, _plain(key))) for key in keys)
        sentence = "Not complete yet: open it and fill in what is marked."
    else:
        owners = list(_owners(config, subject, known))
        rules = {owner.key: words for owner, words in owners if hasattr(owner, "key")}
        local = names | {f"rule:{id(owner)}": words for owner, words in owners}
        wanted = {item.key: item for item in kind.exits(config)}
        exits = tuple(
            ExitWords(key, wanted[key].label, wanted[key].tone, rules.get(key, ""))
            if key in wanted
            else ExitWords(key, _plain(key))
            for key in _in_order(step.exits, wanted)
        )
        sentence = kind.words(config, local)
    title = step.name or kind.label
    return StepWords(kind.label, kind.icon, kind.group, title, sentence, exits, kind.ends)


def _in_order(exits: Iterable[str], wanted: Iterable[str]) -> list[str]:
    """Exits as the kind orders them (stored JSON forgets the order), unknown ones at the end."""
    given = list(exits)
    order = {key: index for index, key in enumerate(wanted)}
    return sorted(given, key=lambda key: order.get(key, len(order)))


def _plain(key: str) -> str:
    return key.replace("_", " ").capitalize()


def _labels(config: Mapping[str, Any]) -> dict[str, str]:
    """Labels of paths in settings that cannot be read as a whole."""
    found = {}
    for value in config.values():
        for item in value if isinstance(value, list) else ():
            if isinstance(item, dict) and isinstance(item.get("key"), str):
                found[item["key"]] = str(item.get("label") or item["key"])[:60]
    return found


def _models(config: BaseModel) -> Iterator[BaseModel]:
    """The config and all configs within."""
    yield config
    for name in type(config).model_fields:
        value = getattr(config, name, None)
        for item in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(item, BaseModel):
                yield from _models(item)


def _owners(config: BaseModel, subject: str, known: Known) -> Iterator[tuple[Any, str]]:
    """Each (part of a) config that holds a rule, with the rule in words."""
    for model in _models(config):
        for name, info in type(model).model_fields.items():
            extra = info.json_schema_extra
            if isinstance(extra, dict) and extra.get("widget") == "rule" and getattr(model, name):
                about = str(extra.get("about") or subject)
                yield model, rule_phrase(getattr(model, name), about, known)


def rule_phrase(rule: Any, subject: str, known: Known | None = None) -> str:
    """A rule as part of a sentence."""
    try:
        node = parse_rule(rule, subject, known=known)
    except DomainError:
        return "(a rule that is not complete)"
    return "everybody" if node == AllOf(()) else phrase(node, subject)


def _exit_rule(rule: Mapping[str, Any], subject: str, known: Known) -> str:
    words = rule_phrase(rule.get("rule"), subject, known)
    name = rule.get("name")
    return f"{name}: {words}" if name else words
