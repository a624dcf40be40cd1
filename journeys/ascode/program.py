"""Programs as code: the draft. An import never publishes."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from csplatform.ascode.difference import differences
from csplatform.ascode.kind import ExportKind, Fields
from csplatform.ascode.references import Swap, in_rule, in_settings
from csplatform.kit.errors import DomainError, Problem
from journeys.fields.source import field_sources
from journeys.flow.checks import check_flow
from journeys.flow.diff import diff_words
from journeys.flow.document import dump
from journeys.flow.edit import exit_keys
from journeys.flow.entry import EntryConfig, LeavingConfig, source_items
from journeys.flow.models import DEFAULT
from journeys.flow.parse import parse_flow
from journeys.models import Program
from journeys.models.program import empty_document
from journeys.operations.draft import (
    create_program,
    save_draft,
    update_details,
    without_files,
)
from journeys.operations.folders import folder_named
from journeys.steps.registry import step_kinds

DETAILS = ("type", "model", "folder", "description")
FIELD = ("key", "label", "source", "config")
STEP = ("key", "kind", "name", "config", "exits")
# What a flow document leaves out when it is so.
_BLANK: dict[str, Any] = {
    "goal": None, "goal_exits": True, "exits": [], "leaving": {}, "control": {}, "fields": [],
}  # fmt: skip
# Marks of what is still to be chosen; a draft may be so, anything else wrong is refused.
OPEN = {"missing", "empty", "empty_rule", "not_active"}


class Details(Fields):
    """What a program is, apart from its flow."""

    type: Literal["person", "company"] = Field(default="person", title="Type")
    model: str = Field(default=DEFAULT, title="Model")
    folder: str | None = Field(default=None, title="Folder")
    description: str = Field(default="", title="Description")


class ProgramFields(Details):
    """A program: its details, then the parts of the flow document."""

    entry: dict[str, Any] = Field(default={"sources": []}, title="Entry")
    goal: dict[str, Any] | None = Field(default=None, title="Goal")
    goal_exits: bool = Field(default=True, title="Reaching the goal ends the run")
    exits: list[dict[str, Any]] = Field(default=[], title="Exit rules")
    leaving: dict[str, Any] = Field(default={}, title="Leaving")
    control: dict[str, Any] = Field(default={}, title="Control group")
    fields: list[dict[str, Any]] = Field(default=[], title="Calculated fields")
    steps: list[dict[str, Any]] = Field(default=[], title="Steps")


class ProgramKind(ExportKind):
    """A program's draft."""

    key: ClassVar[str] = "program"
    label: ClassVar[str] = "program"
    model: ClassVar[Any] = Program
    Document: ClassVar[type[Fields]] = ProgramFields
    subject_field: ClassVar[str] = "type"
    related: ClassVar[tuple[str, ...]] = ("folder",)

    def document(self, row: Program) -> dict[str, Any]:
        """Details and draft. A folder stands by its name: it is made when it is not there."""
        details = {
            "type": row.type,
            "model": row.model,
            "folder": row.folder.name if row.folder else None,
            "description": row.description,
        }
        return {**details, **_BLANK, **without_files(row.draft)}

    def swapped(self, data: dict[str, Any], path: str, swap: Swap) -> dict[str, Any]:
        """Sources, rules and the settings of every step."""
        subject = self.subject(data)
        found = {name: data[name] for name in DETAILS}
        found["entry"] = in_settings(EntryConfig, data["entry"], subject, f"{path}/entry", swap)
        found["goal"] = in_rule(data["goal"], subject, f"{path}/goal", swap)
        found["goal_exits"] = data["goal_exits"]
        found["exits"] = [
            {**rule, "rule": in_rule(rule.get("rule"), subject, f"{path}/exits/{i}/rule", swap)}
            if isinstance(rule, dict) and "rule" in rule else rule
            for i, rule in enumerate(data["exits"])
        ]  # fmt: skip
        found["fields"] = [
            _field(item, subject, f"{path}/fields/{i}", swap)
            for i, item in enumerate(data.get("fields", []))
        ]
        found["leaving"] = in_settings(
            LeavingConfig, data["leaving"], subject, f"{path}/leaving", swap
        )
        found["control"] = data["control"]
        found["steps"] = _steps(data["steps"], subject, f"{path}/steps", swap)
        return found

    def normal(self, data: dict[str, Any]) -> dict[str, Any]:
        """Folder and flow in their stored form."""
        details = {name: data[name] for name in DETAILS}
        details["folder"] = (data["folder"] or "").strip() or None
        return {**details, **_BLANK, **_flow(data)}

    def differences(self, old: dict[str, Any], new: dict[str, Any]) -> list[str]:
        """Details by field, the flow as the page “Versions” says it."""
        details = old or Details().model_dump()
        before = parse_flow(_flow(old) if old else empty_document())
        subject = self.subject(new)
        return [
            *differences(Details, details, new, subject),
            *diff_words(before, parse_flow(_flow(new)), subject),
        ]

    def create(self, name: str, data: dict[str, Any], actor: Any) -> Program:
        """A draft."""
        return create_program(
            name=name, type=data["type"], model=data["model"], description=data["description"],
            folder=folder_named(data["folder"], actor=actor), document=_flow(data), actor=actor,
        )  # fmt: skip

    def change(self, row: Program, data: dict[str, Any], actor: Any) -> None:
        """The details and the draft, whichever is new; what is published stays."""
        for word in ("type", "model"):
            if data[word] != getattr(row, word):
                text = f"This is “{getattr(row, word)}” for ever: import it under another name."
                raise DomainError(text, path=f"/{word}", code="fixed")
        folder = row.folder.name if row.folder else None
        if (data["folder"], data["description"]) != (folder, row.description):
            update_details(
                row.pk, actor=actor, name=row.name, description=data["description"],
                folder=folder_named(data["folder"], actor=actor),
            )  # fmt: skip
        if (flow := _flow(data)) != without_files(row.draft):
            save_draft(
                row.pk,
                with_files(flow, row.draft),
                revision=row.draft_revision,
                actor=actor,
                audit_as="program.import",
            )

    def remarks(self, row: Program) -> list[Problem]:
        """What the editor marks: errors of what a file can get right, else what is still open."""
        marks = check_flow(parse_flow(row.draft), subject=row.type, program_id=row.pk)
        return [
            Problem(m.path, m.message, m.code, "warning" if m.code in OPEN else m.level)
            for m in marks
        ]


def with_files(document: dict[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
    """A document that keeps the uploaded files of the old one as sources."""
    files = [s for s in source_items(old.get("entry", {})) if s.get("kind") == "csv"]
    if not files:
        return document
    entry = document["entry"]
    return {**document, "entry": {**entry, "sources": [*source_items(entry), *files]}}


def _flow(data: Mapping[str, Any]) -> dict[str, Any]:
    """The flow document of a program's settings. Raises DomainError for what is none."""
    return dump(parse_flow({k: v for k, v in data.items() if k not in DETAILS}))


def _field(item: Any, subject: str, path: str, swap: Swap) -> Any:
    """A calculated field in the order of its parts."""
    if not isinstance(item, dict):
        return item
    found = {word: item[word] for word in FIELD if word in item} | item
    source = field_sources.get(item["source"]) if item.get("source") in field_sources else None
    if source and isinstance(item.get("config"), dict):
        found["config"] = in_settings(
            source.Config, item["config"], subject, f"{path}/config", swap
        )
    return found


def _steps(steps: Any, subject: str, path: str, swap: Swap) -> Any:
    if not isinstance(steps, list):
        return steps
    return [_step(step, subject, f"{path}/{i}", swap) for i, step in enumerate(steps)]


def _step(step: Any, subject: str, path: str, swap: Swap) -> Any:
    """A step in the order of its parts, paths in the order of its kind."""
    if not isinstance(step, dict):
        return step
    kind = step_kinds.get(step["kind"]) if step.get("kind") in step_kinds else None
    found = {word: step[word] for word in STEP if word in step} | step
    if kind and isinstance(step.get("config"), dict):
        found["config"] = in_settings(kind.Config, step["config"], subject, f"{path}/config", swap)
    if isinstance(step.get("exits"), dict):
        order = (exit_keys(kind, step.get("config") or {}) or ()) if kind else ()
        keys = [
            *(k for k in order if k in step["exits"]),
            *(k for k in step["exits"] if k not in order),
        ]
        found["exits"] = {
            key: _steps(step["exits"][key], subject, f"{path}/exits/{key}", swap) for key in keys
        }
    return found
