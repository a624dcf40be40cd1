"""Edits as JSON, as the editor and the API send them: {"op": "insert", "kind": ..., "at": ...}."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from pydantic import Field

from csplatform.kit.errors import DomainError
from csplatform.kit.schema import Config, parse_config
from journeys.fields.form import field_of_form
from journeys.flow import edit
from journeys.flow.document import Flow, walk
from journeys.flow.edit import Edited, Spot
from journeys.flow.parse import MAX_DEPTH, MAX_FIELDS, MAX_STEPS, parse_flow

Key = Field(min_length=1, max_length=20)


class At(Config):
    """A spot: the branch that owns the sequence, and the place in it."""

    parent: str = Field(default="", max_length=20)
    exit: str = Field(default="", max_length=40)
    index: int = Field(ge=0, le=MAX_STEPS)

    def spot(self) -> Spot:
        """The same as the edits know it."""
        return Spot(self.parent, self.exit, self.index)


class Insert(Config):
    """A new step of a kind."""

    kind: str = Field(max_length=60)
    at: At


class Paste(Config):
    """Copies of steps."""

    steps: list[dict[str, Any]] = Field(max_length=MAX_STEPS)
    at: At


class Move(Config):
    """A step with all below it, to another spot."""

    key: str = Key
    at: At


class Delete(Config):
    """A step; `keep` names the path whose steps stay."""

    key: str = Key
    keep: str = Field(default="", max_length=40)


class Duplicate(Config):
    """A copy right after it."""

    key: str = Key


class Update(Config):
    """A step's name and settings; what is left out stays."""

    key: str = Key
    name: str | None = Field(default=None, max_length=200)
    config: dict[str, Any] | None = None


class Entry(Config):
    """How one gets in."""

    entry: dict[str, Any]


class Aims(Config):
    """Goal, exit rules, what else takes people out, and who is held out."""

    goal: dict[str, Any] | None = None
    goal_exits: bool = True
    exits: list[dict[str, Any]] = Field(default=[], max_length=20)
    leaving: dict[str, Any] | None = None
    control: dict[str, Any] | None = None


class Fields(Config):
    """The calculated fields. A form sends the settings of each source under its key."""

    fields: list[dict[str, Any]] = Field(default=[], max_length=MAX_FIELDS)


class Whole(Config):
    """A whole document: undo, redo, restoring a version."""

    document: dict[str, Any]
    selected: str = Field(default="", max_length=20)


def _pasted(flow: Flow, command: Paste) -> Edited:
    try:
        steps = parse_flow({"steps": command.steps}).steps
    except DomainError as error:
        raise DomainError([replace(p, path=p.path or "/steps") for p in error.problems]) from None
    return edit.paste(flow, command.at.spot(), steps)


def _aims(flow: Flow, command: Aims) -> Edited:
    exits = tuple(command.exits)
    return Edited(
        replace(
            flow,
            goal=command.goal,
            goal_exits=command.goal_exits,
            exit_rules=exits,
            leaving=flow.leaving if command.leaving is None else command.leaving,
            control=flow.control if command.control is None else command.control,
        )
    )


def _fields(flow: Flow, command: Fields) -> Edited:
    kept = parse_flow({"steps": [], "fields": [field_of_form(item) for item in command.fields]})
    return Edited(replace(flow, fields=kept.fields))


def _whole(flow: Flow, command: Whole) -> Edited:
    whole = parse_flow(command.document)
    known = command.selected in edit.keys_of(whole)
    return Edited(whole, command.selected if known else "")


_COMMANDS: dict[str, tuple[type[Config], Callable[[Flow, Any], Edited]]] = {
    "insert": (Insert, lambda f, c: edit.insert_new(f, c.at.spot(), c.kind)),
    "paste": (Paste, _pasted),
    "move": (Move, lambda f, c: edit.move(f, c.key, c.at.spot())),
    "delete": (Delete, lambda f, c: edit.delete(f, c.key, keep=c.keep)),
    "duplicate": (Duplicate, lambda f, c: edit.duplicate(f, c.key)),
    "update": (Update, lambda f, c: edit.update(f, c.key, name=c.name, config=c.config)),
    "entry": (Entry, lambda f, c: Edited(replace(f, entry=c.entry))),
    "aims": (Aims, _aims),
    "fields": (Fields, _fields),
    "document": (Whole, _whole),
}


def apply(flow: Flow, command: Any) -> Edited:
    """The flow after a JSON command. Raises DomainError with the path of what is wrong."""
    if not isinstance(command, Mapping):
        raise DomainError("Expected an edit: an object with “op”.", path="/edit", code="type")
    name = command.get("op")
    if not isinstance(name, str) or name not in _COMMANDS:
        allowed = ", ".join(_COMMANDS)
        raise DomainError(f"An edit’s “op” is one of {allowed}.", path="/edit/op", code="unknown")
    model, run = _COMMANDS[name]
    settings = {key: value for key, value in command.items() if key != "op"}
    edited = run(flow, parse_config(model, settings, "/edit"))
    _require_size(edited.flow)
    return edited


def _require_size(flow: Flow) -> None:
    """Limits that parsing holds for whole documents, for single edits as well."""
    places = list(walk(flow))
    if len(places) > MAX_STEPS:
        raise DomainError(f"A program has at most {MAX_STEPS} steps.", code="too_many")
    if any(place.path.count("/exits/") > MAX_DEPTH for place in places):
        raise DomainError(f"Branches go at most {MAX_DEPTH} levels deep.", code="too_deep")
