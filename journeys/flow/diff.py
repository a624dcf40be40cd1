"""What changed between two flows, in sentences (PRG-42)."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from csplatform.kit.schema import FormField, form_fields
from journeys.fields.definition import by_key, label_of, words_of
from journeys.flow.document import Flow, Place, walk
from journeys.flow.entry import (
    SOURCE_LABELS,
    ControlConfig,
    EntryConfig,
    LeavingConfig,
    source_items,
)
from journeys.flow.fields import with_fields
from journeys.flow.words import rule_phrase
from journeys.steps.options import options_of
from journeys.steps.registry import step_kinds

Places = dict[str, Place]
NOTHING = "nothing"


def diff_words(old: Flow, new: Flow, subject: str) -> list[str]:
    """One sentence per change, in reading order of the new flow; [] when they are the same."""
    fields = list(_fields(old, new, subject))
    # what a field means is told once, at the field: rules of both sides read it as it is now
    old = with_fields(replace(old, fields=(*new.fields, *old.fields)))
    new = with_fields(new)
    was = {place.step.key: place for place in walk(old)}
    now = {place.step.key: place for place in walk(new)}
    return [
        *_entry(old, new, subject),
        *_aims(old, new, subject),
        *fields,
        *_removed(was, now),
        *_steps(was, now, subject),
    ]


def _entry(old: Flow, new: Flow, subject: str) -> Iterator[str]:
    fields = form_fields(EntryConfig)
    rest = tuple(item for item in fields if item.name != "sources")
    yield from _sources(fields, old.entry, new.entry, subject)
    yield from _settings("Entry", rest, old.entry, new.entry, subject)


def _sources(
    fields: tuple[FormField, ...], old: Mapping[str, Any], new: Mapping[str, Any], subject: str
) -> Iterator[str]:
    """Sources that came and went; one that was changed did both."""
    variants = dict(next(item for item in fields if item.name == "sources").variants)
    before, after = source_items(old), source_items(new)
    for verb, some, others in (("removed", before, after), ("added", after, before)):
        for source in some:
            if source not in others:
                kind = str(source.get("kind", "segment"))
                label = SOURCE_LABELS.get(kind, kind)
                told = [
                    f"{item.label} {_value(item, source[item.name], subject)}"
                    for item in variants.get(kind, ())
                    if item.name != "kind" and source.get(item.name) not in (None, "", [], {})
                ]
                yield f"Entry: {verb} the source {label} ({', '.join(told)})."


def _aims(old: Flow, new: Flow, subject: str) -> Iterator[str]:
    if old.goal != new.goal:
        yield f"Goal: {_rule(old.goal, subject)} → {_rule(new.goal, subject)}."
    if old.goal_exits != new.goal_exits:
        yield (
            "Reaching the goal now ends the run."
            if new.goal_exits
            else ("Reaching the goal no longer ends the run.")
        )
    for title, config, was, now in (
        ("Leaving", LeavingConfig, old.leaving, new.leaving),
        ("Control group", ControlConfig, old.control, new.control),
    ):
        yield from _settings(title, form_fields(config), was, now, subject)
    before = {_exit_name(rule): rule.get("rule") for rule in old.exit_rules}
    after = {_exit_name(rule): rule.get("rule") for rule in new.exit_rules}
    for name in before.keys() - after.keys():
        yield f"Removed the exit rule “{name}”."
    for name, rule in after.items():
        if name not in before:
            yield f"Added the exit rule “{name}”: {_rule(rule, subject)}."
        elif before[name] != rule:
            words = f"{_rule(before[name], subject)} → {_rule(rule, subject)}"
            yield f"Exit rule “{name}”: {words}."


def _fields(old: Flow, new: Flow, subject: str) -> Iterator[str]:
    """Calculated fields are compared by their key."""
    before, after = by_key(old.fields), by_key(new.fields)
    for key in before.keys() - after.keys():
        yield f"Removed the calculated field “{label_of(before[key])}”."
    for key, field in after.items():
        words = words_of(field, subject)
        if key not in before:
            yield f"Added the calculated field “{label_of(field)}”: {words}."
        elif before[key] != field:
            was = words_of(before[key], subject)
            told = f"{was} → {words}" if was != words else "renamed"
            yield f"Calculated field “{label_of(field)}”: {told}."


def _exit_name(rule: Mapping[str, Any]) -> str:
    return str(rule.get("name") or "unnamed")


def _rule(rule: Any, subject: str) -> str:
    return NOTHING if rule is None else rule_phrase(rule, subject)


def _removed(was: Places, now: Places) -> Iterator[str]:
    """Whole subtrees that are gone are told once, at their top."""
    gone = was.keys() - now.keys()
    for key, place in was.items():
        if key in gone and place.parent_key not in gone:
            below = sum(1 for other in gone if _is_below(other, key, was))
            more = f" and the {below} steps below it" if below > 1 else ""
            more = " and the step below it" if below == 1 else more
            yield f"Removed {_title(place)}{more}."


def _is_below(key: str, ancestor: str, places: Places) -> bool:
    parent = places[key].parent_key
    return bool(parent) and (parent == ancestor or _is_below(parent, ancestor, places))


def _steps(was: Places, now: Places, subject: str) -> Iterator[str]:
    moved = _moved(was, now)
    for key, place in now.items():
        if key not in was:
            yield f"Added {_title(place)} {_where(place, now)}."
            continue
        before = was[key].step
        step = place.step
        if before.name != step.name:
            yield f"Renamed “{before.name}” to “{step.name}”."
        if key in moved:
            yield f"Moved {_title(place)} {_where(place, now)}."
        if before.kind != step.kind:
            yield f"{_title(place)} was a step of another kind ({_label(before.kind)})."
        elif step.kind in step_kinds:
            fields = form_fields(step_kinds.get(step.kind).Config)
            title = f"“{step.name}”"
            yield from _settings(title, fields, before.config, step.config, subject)
        elif before.config != step.config:
            yield f"Changed the settings of {_title(place)}."


def _moved(was: Places, now: Places) -> set[str]:
    """Steps in another branch, and within a branch the fewest whose moving explains the order."""
    common = [key for key in now if key in was]
    owner = {key: (now[key].parent_key, now[key].parent_exit) for key in common}
    moved = {key for key in common if owner[key] != (was[key].parent_key, was[key].parent_exit)}
    for branch in set(owner.values()):
        stayed = [key for key in common if owner[key] == branch and key not in moved]
        stayed.sort(key=lambda key: now[key].position)
        kept = _longest_rising([was[key].position for key in stayed])
        moved |= {key for index, key in enumerate(stayed) if index not in kept}
    return moved


def _longest_rising(numbers: list[int]) -> set[int]:
    """Indexes of a longest rising subsequence (sequences are short: quadratic will do)."""
    best: list[list[int]] = []
    for index, number in enumerate(numbers):
        before = [run for run in best if numbers[run[-1]] < number]
        best.append([*_longest(before), index])
    return set(_longest(best))


def _longest(runs: list[list[int]]) -> list[int]:
    return max(runs, key=lambda run: len(run), default=[])


def _label(kind: str) -> str:
    return step_kinds.get(kind).label if kind in step_kinds else kind


def _title(place: Place) -> str:
    return f"“{place.step.name}” ({_label(place.step.kind)})"


def _where(place: Place, places: Places) -> str:
    """After which step, or at the start of which path."""
    for other in places.values():
        same = (other.parent_key, other.parent_exit) == (place.parent_key, place.parent_exit)
        if same and other.position == place.position - 1:
            return f"after “{other.step.name}”"
    if not place.parent_key:
        return "at the start"
    parent = places[place.parent_key].step
    path = place.parent_exit.replace("_", " ")
    return f"at the start of the path “{path}” of “{parent.name}”"


def _settings(
    title: str,
    fields: tuple[FormField, ...],
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    subject: str,
) -> Iterator[str]:
    for item in fields:
        before, after = old.get(item.name, item.default), new.get(item.name, item.default)
        if before == after:
            continue
        if item.widget == "object" and isinstance(before, dict) and isinstance(after, dict):
            yield from _settings(f"{title}, {item.label}", item.fields, before, after, subject)
        elif item.fields and isinstance(before, list) and isinstance(after, list):
            yield from _items(title, item, before, after, subject)
        else:
            words = f"{_value(item, before, subject)} → {_value(item, after, subject)}"
            yield f"{title}: {item.label} {words}."


def _items(
    title: str, item: FormField, before: list[Any], after: list[Any], subject: str
) -> Iterator[str]:
    """Lists of objects are compared by the items' key, else by place."""
    old, new = _keyed(before), _keyed(after)
    for key, value in old.items():
        if key not in new:
            yield f"{title}: removed {_item(item, value, subject)} from “{item.label}”."
    for key, value in new.items():
        if key not in old:
            yield f"{title}: added {_item(item, value, subject)} to “{item.label}”."
        elif old[key] != value:
            name = f"{title}, {_item(item, old[key], subject)}"
            yield from _settings(name, item.fields, old[key], value, subject)
    if list(old) != list(new) and sorted(old) == sorted(new):
        yield f"{title}: changed the order of “{item.label}”."


def _keyed(items: list[Any]) -> dict[str, dict[str, Any]]:
    return {
        str(item.get("key") or index): item
        for index, item in enumerate(items)
        if isinstance(item, dict)
    }


def _item(field: FormField, value: Mapping[str, Any], subject: str) -> str:
    """How an item of a list is called."""
    if value.get("label"):
        return f"“{value['label']}”"
    parts = [
        _value(inner, value[inner.name], subject)
        for inner in field.fields
        if value.get(inner.name) not in (None, "", {}, inner.default)
    ]
    return "(" + ", ".join(parts) + ")" if parts else "an item"


def _plain(item: Any) -> str:
    """An item of a list; objects by their values."""
    if isinstance(item, dict):
        return " ".join(str(part) for part in item.values() if part not in (None, ""))
    return str(item)


def _value(field: FormField, value: Any, subject: str) -> str:
    """A setting's value as the form shows it."""
    if value in (None, "", [], {}):
        return NOTHING
    if field.widget == "rule":
        return _rule(value, str(dict(field.extra).get("about") or subject))
    if isinstance(value, bool):
        return "yes" if value else "no"
    options = dict(field.options) or dict(options_of(field.provider, subject))
    if str(value) in options:
        return f"“{options[str(value)]}”"
    if isinstance(value, list):
        return ", ".join(options.get(str(item)) or _plain(item) for item in value)
    return str(value) if isinstance(value, (int, float)) else f"“{value}”"
