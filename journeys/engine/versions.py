"""Published versions, compiled for the engine and kept by (version, amendment, meaning)."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db.models import Max

from csplatform.kit.errors import DomainError
from csplatform.kit.registry import UnknownKind
from csplatform.kit.schema import parse_config
from csplatform.rules.meaning import revision
from csplatform.rules.parse import load_rule
from csplatform.rules.tree import Node
from journeys.fields.definition import Definition, by_key, expanded
from journeys.flow.document import Flow, NextMap, first_key, next_map
from journeys.flow.entry import LeavingConfig
from journeys.flow.fields import with_fields
from journeys.flow.parse import parse_flow
from journeys.models import Amendment, Program, ProgramVersion, Step
from journeys.steps.kind import StepKind, StepView
from journeys.steps.registry import step_kinds

CHURNED = {"test": "attribute", "name": "status", "operator": "equals", "value": "churned"}


class Quarantined(Exception):
    """A stored version cannot be run by this installation; the program waits, visibly."""


@dataclass(frozen=True)
class ExitRule:
    """A rule that unenrols at once. `members`: only those who came from a source with members."""

    name: str
    rule: Node
    members: bool = False


@dataclass(frozen=True)
class CompiledVersion:
    """All that the engine needs of a version."""

    id: int
    program_id: int
    subject: str
    steps: dict[str, StepView]
    by_id: dict[int, StepView]
    follows: NextMap
    first: str | None
    goal: Node | None
    goal_exits: bool
    exit_rules: tuple[ExitRule, ...]
    amendment: int
    meaning: UUID | None = None  # the revision of what its rules name
    fields: Mapping[str, Definition] = field(default_factory=dict)

    def config_of(self, kind: StepKind, config: Any, path: str = "") -> Any:
        """Settings of a step as they would be in force in this version. Raises DomainError."""
        return parse_config(kind.Config, expanded(dict(config), self.fields), path)

    @property
    def writes_subjects(self) -> bool:
        """Whether any step writes persons or companies: then those are locked first."""
        return any(view.kind.writes_subjects for view in self.steps.values())

    @property
    def enters(self) -> set[int]:
        """Programs that its steps let people into."""
        return {i for view in self.steps.values() for i in view.kind.enters(view.config)}

    @property
    def ends_others(self) -> bool:
        """Whether any step may end runs of other programs."""
        return any(view.kind.ends_others for view in self.steps.values())

    @property
    def writes_companies(self) -> bool:
        """Whether any step writes the companies that people travel for."""
        return any(view.kind.writes_company(view.config) for view in self.steps.values())


def load_versions(ids: Iterable[int]) -> dict[int, CompiledVersion]:
    """Compiled versions by id; those that cannot be compiled are quarantined and left out."""
    wanted = sorted(set(ids))
    amendments = dict(
        Amendment.objects.filter(version_id__in=wanted)
        .values_list("version_id")
        .annotate(Max("number"))
        .order_by()
    )
    found = {}
    meaning = revision()
    for version_id in wanted:
        try:
            found[version_id] = _compile(version_id, amendments.get(version_id, 0), meaning)
        except Quarantined as error:
            Program.objects.filter(versions=version_id, quarantine="").update(quarantine=str(error))
    return found


@lru_cache(maxsize=500)
def _compile(version_id: int, amendment: int, meaning: UUID | None) -> CompiledVersion:
    version = ProgramVersion.objects.select_related("program").get(pk=version_id)
    try:
        return _build(version, amendment, meaning)
    except UnknownKind as error:
        text = f"{error} Install what brings it; the program goes on by itself."
        raise Quarantined(text) from None
    except DomainError as error:
        raise Quarantined(f"The stored flow cannot be read: {error}") from None


def _build(version: ProgramVersion, amendment: int, meaning: UUID | None) -> CompiledVersion:
    flow = with_fields(parse_flow(version.document))
    fields = by_key(flow.fields)
    subject = version.program.type
    changed: dict[str, Any] = {
        row.step_key: row.config for row in version.amendments.order_by("number")
    }
    views = [_view(row, version, changed, amendment, fields) for row in version.steps.all()]
    rules = tuple(
        ExitRule(str(rule.get("name") or "Exit rule"), load_rule(rule.get("rule"), subject))
        for rule in flow.exit_rules
    )
    rules += tuple(_standing_rules(version, flow, subject))
    return CompiledVersion(
        id=version.pk,
        program_id=version.program_id,
        subject=subject,
        steps={view.key: view for view in views},
        by_id={view.id: view for view in views},
        follows=next_map(flow),
        first=first_key(flow),
        goal=None if flow.goal is None else load_rule(flow.goal, subject),
        goal_exits=flow.goal_exits,
        exit_rules=rules,
        amendment=amendment,
        meaning=meaning,
        fields=fields,
    )


def _standing_rules(version: ProgramVersion, flow: Flow, subject: str) -> Iterator[ExitRule]:
    """What the settings of leaving say, as rules: so they are watched and act like all others."""
    leaving = parse_config(LeavingConfig, dict(flow.leaving), "/leaving")
    segments = version.entry_segments or []
    if leaving.when_left and segments:
        inside = [{"test": "segment", "segment": pk} for pk in segments]
        rule = load_rule({"not": {"any": inside}}, subject)
        yield ExitRule("Left the source", rule, members=True)
    if leaving.when_churned and not flow.entry.get("include_churned"):
        churned = CHURNED if subject == "company" else {"test": "company", "rule": CHURNED}
        yield ExitRule("Company churned", load_rule(churned, subject))


def _view(
    row: Step,
    version: ProgramVersion,
    changed: dict[str, Any],
    amendment: int,
    fields: Mapping[str, Definition],
) -> StepView:
    kind = step_kinds.get(row.kind)
    config = expanded(changed.get(row.key, row.config), fields)
    return StepView(
        id=row.pk,
        key=row.key,
        kind=kind,
        name=row.name or kind.label,
        config=parse_config(kind.Config, config, f"/{row.key}"),
        program_id=version.program_id,
        version_id=version.pk,
        amendment=amendment,
    )


def readable_steps(version: ProgramVersion) -> list[StepView]:
    """Steps that can be read, also of a version that as a whole cannot: for taking back what they
    hold."""
    amendments = list(version.amendments.order_by("number"))
    changed = {row.step_key: row.config for row in amendments}
    found = []
    for row in version.steps.all():
        with suppress(UnknownKind, DomainError):
            fields = by_key(version.document.get("fields", []))
            found.append(_view(row, version, changed, len(amendments), fields))
    return found


def forget() -> None:
    """Empty the cache; for tests and after a kind was installed."""
    _compile.cache_clear()
