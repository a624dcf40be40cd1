"""Edits of a flow. Pure: a flow goes in, a flow comes out; the old one is never changed.

Every edit refuses with a DomainError what would not be a tree any more, so whoever calls it may
save what it returns.
"""

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from csplatform.kit.errors import DomainError
from csplatform.kit.schema import form_fields
from journeys.flow.document import Flow, FlowStep, Place, find, walk
from journeys.steps.kind import StepKind
from journeys.steps.registry import step_kinds

Steps = tuple[FlowStep, ...]
ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
# The one name under which a config points at another step; copies are repointed by it.
POINTER = "step"


@dataclass(frozen=True)
class Spot:
    """A place between steps.

    Attributes:
        parent, exit: the branch that owns the sequence; "" is the top.
        index: how many steps of the sequence stand before it.
    """

    parent: str = ""
    exit: str = ""
    index: int = 0


@dataclass(frozen=True)
class Edited:
    """A flow after an edit.

    Attributes:
        selected: key of the step to look at next, "" for none.
        removed: steps that are no longer in the flow, by the exit that owned them ("" itself).
    """

    flow: Flow
    selected: str = ""
    removed: Mapping[str, Steps] = field(default_factory=dict)


def keys_of(flow: Flow) -> set[str]:
    """The keys of all steps."""
    return {place.step.key for place in walk(flow)}


def new_key(taken: set[str]) -> str:
    """A key that is not taken. Long enough to differ from keys of earlier versions too."""
    while True:
        key = "".join(secrets.choice(ALPHABET) for _ in range(8))
        if key not in taken and not key.isdigit():
            return key


def new_step(kind: StepKind, *, key: str, name: str = "") -> FlowStep:
    """A step with the kind's default settings and empty exits; required settings are left out."""
    config = {f.name: _plain(f.default) for f in form_fields(kind.Config) if not f.required}
    exits = exit_keys(kind, config) or ()
    return FlowStep(key, kind.key, name or kind.label, config, dict.fromkeys(exits, ()))


def _plain(value: Any) -> Any:
    """A default as JSON."""
    return TypeAdapter(Any).dump_python(value, mode="json")


def exit_keys(kind: StepKind, config: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The exits that a config asks for; None when it is too wrong to tell.

    A config may be half done while somebody types, so what concerns the whole (groups that do
    not yet add up) is passed over as long as each setting by itself is readable.
    """
    try:
        return tuple(item.key for item in kind.exits(kind.Config.model_validate(dict(config))))
    except ValidationError:
        pass
    try:
        values = {
            name: TypeAdapter[Any](info.annotation or Any).validate_python(config[name])
            for name, info in kind.Config.model_fields.items()
            if name in config
        }
        keys = [item.key for item in kind.exits(kind.Config.model_construct(None, **values))]
    except (ValidationError, ValueError, AttributeError, TypeError):
        return None
    return tuple(keys) if len(set(keys)) == len(keys) else None


def tidy(kind: StepKind, config: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as they are stored: in the kind's own types when they can be read, else as typed,
    without required settings that are empty (so that they are marked as missing)."""
    required = {item.name for item in form_fields(kind.Config) if item.required}
    given = {k: v for k, v in config.items() if not (k in required and v in (None, ""))}
    try:
        return kind.Config.model_validate(given).model_dump(mode="json")
    except ValidationError:
        return given


def unused_name(flow: Flow, wanted: str) -> str:
    """`wanted`, with a number when a step is called so already."""
    names = {place.step.name for place in walk(flow)}
    number, name = 1, wanted
    while name in names:
        number += 1
        name = f"{wanted} {number}"
    return name


def insert_new(flow: Flow, spot: Spot, kind_key: str) -> Edited:
    """Add a new step of a kind."""
    if kind_key not in step_kinds:
        raise DomainError(f"“{kind_key}” is no known kind of step.", path="/kind", code="unknown")
    kind = step_kinds.get(kind_key)
    step = new_step(kind, key=new_key(keys_of(flow)), name=unused_name(flow, kind.label))
    return insert(flow, spot, (step,))


def insert(flow: Flow, spot: Spot, steps: Steps) -> Edited:
    """Put steps (with all below them) at a spot. Their keys must be new here."""
    fresh = [key for step in steps for key in _keys_below(step)]
    if len(set(fresh)) != len(fresh) or set(fresh) & keys_of(flow):
        raise DomainError("A step with this key is in the flow already.", code="twice")

    def change(sequence: Steps) -> Steps:
        _require_index(spot, sequence)
        return (*sequence[: spot.index], *steps, *sequence[spot.index :])

    return Edited(_change(flow, spot, change), steps[0].key if steps else "")


def delete(flow: Flow, key: str, *, keep: str = "") -> Edited:
    """Take a step out; of its branches the one named by `keep` stays in its place."""
    place = _require(flow, key)
    if keep and keep not in place.step.exits:
        raise DomainError("This step has no such path.", path="/keep", code="unknown")
    kept = place.step.exits[keep] if keep else ()

    def change(sequence: Steps) -> Steps:
        at = place.position
        return (*sequence[:at], *kept, *sequence[at + 1 :])

    spot = Spot(place.parent_key, place.parent_exit)
    rest = _change(flow, spot, change)
    gone = {"": (replace(place.step, exits={**place.step.exits, keep: ()}),)} if keep else {
        "": (place.step,)
    }  # fmt: skip
    return Edited(rest, _neighbour(rest, place), gone)


def move(flow: Flow, key: str, spot: Spot) -> Edited:
    """Move a step, with all below it, to a spot counted before the move."""
    place = _require(flow, key)
    if spot.parent and spot.parent in _keys_below(place.step):
        raise DomainError("A step cannot move into its own branch.", path="/at", code="inside")
    same = (spot.parent, spot.exit) == (place.parent_key, place.parent_exit)
    _require_index(spot, _sequence(flow, spot))
    index = spot.index - 1 if same and spot.index > place.position else spot.index
    rest = delete(flow, key).flow
    return insert(rest, replace(spot, index=index), (place.step,))


def paste(flow: Flow, spot: Spot, steps: Steps) -> Edited:
    """Put copies of steps at a spot: new keys, and pointers among them follow the copies."""
    if not steps:
        raise DomainError("There is nothing to paste.", path="/steps", code="empty")
    return insert(flow, spot, copies(steps, keys_of(flow)))


def duplicate(flow: Flow, key: str) -> Edited:
    """A copy of a step, with all below it, right after it."""
    place = _require(flow, key)
    spot = Spot(place.parent_key, place.parent_exit, place.position + 1)
    copy = copies((place.step,), keys_of(flow))[0]
    return insert(flow, spot, (replace(copy, name=unused_name(flow, copy.name)),))


def copies(steps: Steps, taken: Iterable[str]) -> Steps:
    """Copies with new keys. Settings that point at a copied step point at its copy."""
    used = set(taken)
    renamed: dict[str, str] = {}
    for step in steps:
        for key in _keys_below(step):
            renamed[key] = new_key(used | set(renamed.values()))
    return tuple(_copy(step, renamed) for step in steps)


def _copy(step: FlowStep, renamed: Mapping[str, str]) -> FlowStep:
    exits = {key: tuple(_copy(s, renamed) for s in inner) for key, inner in step.exits.items()}
    return replace(
        step, key=renamed[step.key], config=_repoint(dict(step.config), renamed), exits=exits
    )


def _repoint(value: Any, renamed: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            name: renamed.get(item, item)
            if name == POINTER and isinstance(item, str)
            else _repoint(item, renamed)
            for name, item in value.items()
        }
    return [_repoint(item, renamed) for item in value] if isinstance(value, list) else value


def update(
    flow: Flow, key: str, *, name: str | None = None, config: Mapping[str, Any] | None = None
) -> Edited:
    """Change a step's name or settings. Its exits follow: paths that keep their key keep their
    steps, new ones are empty, those that are gone come back in `removed`."""
    place = _require(flow, key)
    step = place.step if name is None else replace(place.step, name=name)
    removed: dict[str, Steps] = {}
    if config is not None:
        kind = step_kinds.get(step.kind) if step.kind in step_kinds else None
        step = replace(step, config=tidy(kind, config) if kind else dict(config))
        wanted = exit_keys(kind, step.config) if kind else None
        if wanted is not None:
            removed = {k: s for k, s in step.exits.items() if k not in wanted and s}
            step = replace(step, exits={k: step.exits.get(k, ()) for k in wanted})

    def change(sequence: Steps) -> Steps:
        return (*sequence[: place.position], step, *sequence[place.position + 1 :])

    spot = Spot(place.parent_key, place.parent_exit)
    return Edited(_change(flow, spot, change), key, removed)


def branch(flow: Flow, key: str, exit_key: str) -> Steps:
    """The steps of one path, e.g. to copy them as a whole."""
    place = _require(flow, key)
    if exit_key not in place.step.exits:
        raise DomainError("This step has no such path.", path="/exit", code="unknown")
    return place.step.exits[exit_key]


def _require(flow: Flow, key: str) -> Place:
    place = find(flow, key)
    if place is None:
        raise DomainError("This step is no longer in the flow.", path="/key", code="unknown")
    return place


def _require_index(spot: Spot, sequence: Steps) -> None:
    if not 0 <= spot.index <= len(sequence):
        raise DomainError("There is no such place in this path.", path="/at/index", code="unknown")


def _sequence(flow: Flow, spot: Spot) -> Steps:
    if not spot.parent:
        return flow.steps
    place = find(flow, spot.parent)
    if place is None or spot.exit not in place.step.exits:
        raise DomainError("This path is no longer in the flow.", path="/at", code="unknown")
    return place.step.exits[spot.exit]


def _keys_below(step: FlowStep) -> list[str]:
    inner = [key for steps in step.exits.values() for s in steps for key in _keys_below(s)]
    return [step.key, *inner]


def _change(flow: Flow, spot: Spot, change: Callable[[Steps], Steps]) -> Flow:
    """The flow with the sequence that owns `spot` changed."""
    _sequence(flow, spot)
    if not spot.parent:
        return replace(flow, steps=change(flow.steps))
    return replace(flow, steps=tuple(_descend(step, spot, change) for step in flow.steps))


def _descend(step: FlowStep, spot: Spot, change: Callable[[Steps], Steps]) -> FlowStep:
    if step.key == spot.parent:
        return replace(step, exits={**step.exits, spot.exit: change(step.exits[spot.exit])})
    if not step.exits:
        return step
    exits = {
        key: tuple(_descend(inner, spot, change) for inner in steps)
        for key, steps in step.exits.items()
    }
    return replace(step, exits=exits)


def _neighbour(flow: Flow, place: Place) -> str:
    """Where to look after a step is gone: the one in its place, before it, or above it."""
    sequence = _sequence(flow, Spot(place.parent_key, place.parent_exit))
    if place.position < len(sequence):
        return sequence[place.position].key
    return sequence[-1].key if sequence else place.parent_key
