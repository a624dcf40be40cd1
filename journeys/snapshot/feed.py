"""The feed of one participant: every step, wait, event and decision, with the evidence (PRG-61)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from csplatform.accounts.models import User
from csplatform.customers.attributes import effective_time_zone
from journeys.models import Outbox, Participant, ProgramVersion, Step, Transition
from journeys.snapshot import evidence
from journeys.snapshot.evidence import EvidenceNames
from journeys.steps.registry import step_kinds

ICONS = {
    "enter": "login", "go": "arrow_downward", "wait": "hourglass_top", "leave": "logout",
    "fail": "error", "goal": "flag", "late": "schedule", "pause": "pause", "resume": "play_arrow",
    "move": "open_with", "retry": "replay",
}  # fmt: skip
TONES = {"fail": "error", "goal": "good", "late": "warn", "leave": "info", "enter": "good"}
MAX_ROWS = 1000


@dataclass(frozen=True)
class FeedRow:
    """One line of the feed.

    Attributes:
        facts: (name, value) pairs that the decision rests on; conditions: (words, true?).
        version, amendment: what was in force.
        effects: messages that left with it.
    """

    at: datetime
    local: datetime
    icon: str
    tone: str
    title: str
    kind_label: str
    text: str
    facts: tuple[tuple[str, str], ...]
    conditions: tuple[tuple[str, bool], ...]
    version: int
    amendment: int
    effects: tuple[Outbox, ...] = field(default=())


@dataclass(frozen=True)
class _Around:
    """What the rows of one feed need, read once."""

    steps: Mapping[int, Step]
    versions: Mapping[int, int]
    names: EvidenceNames
    sent: Mapping[tuple[int | None, int], list[Outbox]]
    zone: ZoneInfo


def feed_of(participant: Participant) -> list[FeedRow]:
    """The feed, oldest first. A constant number of queries."""
    rows = list(Transition.objects.filter(participant_id=participant.pk).order_by("id")[:MAX_ROWS])
    around = _around(participant, rows)
    return [_row(row, around) for row in rows]


def _around(participant: Participant, rows: list[Transition]) -> _Around:
    ids = {row.step_id for row in rows} | {row.to_step_id for row in rows}
    steps = Step.objects.in_bulk([pk for pk in ids if pk])
    versions = ProgramVersion.objects.filter(pk__in={row.version_id for row in rows})
    names = EvidenceNames(
        users=User.objects.in_bulk(evidence.actors(rows)),
        references=evidence.references(rows),
        steps={step.key: step.name for step in steps.values()},
    )
    return _Around(
        steps=steps,
        versions=dict(versions.values_list("pk", "number")),
        names=names,
        sent=_sent(participant),
        zone=zone_of(participant),
    )


def zone_of(participant: Participant) -> ZoneInfo:
    """The subject's own time zone."""
    if participant.person:
        name = effective_time_zone(participant.person)
    else:
        name = participant.company.time_zone if participant.company else "UTC"
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _sent(participant: Participant) -> dict[tuple[int | None, int], list[Outbox]]:
    found: dict[tuple[int | None, int], list[Outbox]] = {}
    for message in Outbox.objects.filter(participant_id=participant.pk).order_by("id"):
        found.setdefault((message.step_id, message.visit), []).append(message)
    return found


def _row(row: Transition, around: _Around) -> FeedRow:
    step = around.steps.get(row.step_id) if row.step_id else None
    to = around.steps.get(row.to_step_id) if row.to_step_id else None
    effects = around.sent.get((row.step_id, row.visit), []) if row.kind == "go" else []
    return FeedRow(
        at=row.occurred_at,
        local=row.occurred_at.astimezone(around.zone),
        icon=_icon(row, step),
        tone=TONES.get(row.kind, ""),
        title=title_of(row, step),
        kind_label=_kind_label(step),
        text=_text(row, to),
        facts=tuple(evidence.facts(row.evidence, around.names, around.zone)),
        conditions=tuple(evidence.conditions(row.evidence)),
        version=around.versions.get(row.version_id, 0),
        amendment=row.amendment,
        effects=tuple(effects),
    )


def _icon(row: Transition, step: Step | None) -> str:
    if row.kind == "go" and step and step.kind in step_kinds:
        return step_kinds.get(step.kind).icon
    return ICONS.get(row.kind, "circle")


def _kind_label(step: Step | None) -> str:
    if step is None:
        return ""
    return step_kinds.get(step.kind).label if step.kind in step_kinds else step.kind


def title_of(row: Transition, step: Step | None) -> str:
    """What happened, in a few words."""
    name = f"“{step.name}”" if step else ""
    words = {
        "enter": "Entered the program",
        "go": f"{name}: {_exit(row, step)}" if row.exit not in ("", "done") else f"{name} done",
        "wait": f"Waits at {name}",
        "leave": "Left the program",
        "fail": f"Failed at {name}",
        "goal": "Reached the goal",
        "late": f"Came too late at {name}",
        "pause": "Paused",
        "resume": "Went on after the pause",
        "move": "Taken to a new version",
        "retry": f"Tries {name} again",
    }
    return words.get(row.kind, row.kind)


def _exit(row: Transition, step: Step | None) -> str:
    """The label of an exit as the step had it."""
    if step is not None and step.kind in step_kinds:
        kind = step_kinds.get(step.kind)
        try:
            config = kind.Config.model_validate(step.config)
        except ValueError:
            return row.exit
        labels = {item.key: item.label for item in kind.exits(config)}
        return labels.get(row.exit, row.exit)
    return row.exit


def _text(row: Transition, to: Step | None) -> str:
    if row.kind in ("go", "enter", "move") and to:
        return f"Goes on to “{to.name}”."
    if row.kind == "go":
        return "Was the last step."
    if row.kind in ("leave", "fail") and row.evidence.get("reason"):
        return _reason(str(row.evidence["reason"]))
    return ""


def _reason(reason: str) -> str:
    known = {"end": "Reached the end of the flow.", "goal": "The goal ends the run.",
             "exit": "An Exit step.",
             "watched": "Held out, and watched to the end.",
             "merged": "Merged with another one inside."}  # fmt: skip
    return known.get(reason, reason)
