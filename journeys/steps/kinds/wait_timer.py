"""Wait timer: a span of time, then perhaps a window of the week, or a date (PRG-05)."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from csplatform.customers.attributes import Spec, attribute_specs
from csplatform.kit.schema import Config
from csplatform.rules.parse import load_rule
from csplatform.rules.tree import Node
from journeys.steps.kind import CheckContext, Mark, StepBatch, StepKind, Traveller
from journeys.steps.localtime import (
    Window,
    day_in,
    moment,
    next_open,
    parse_clock,
    weekdays_of,
)
from journeys.steps.outcome import Go, Leave, Outcome, Stay, WaitUntil
from journeys.steps.subject_time import dates_of, zones_of

Unit = Literal["minutes", "hours", "days"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
LONG = {"mon": "Monday", "tue": "Tuesday", "wed": "Wednesday", "thu": "Thursday", "fri": "Friday",
        "sat": "Saturday", "sun": "Sunday"}  # fmt: skip
CLOCK = r"^(([01]\d|2[0-3]):[0-5]\d)?$"
DATES = ("date", "datetime")


def _shown(*modes: str) -> dict[str, Any]:
    """The field is shown while the wait is of one of these ways."""
    return {"when": {"mode": list(modes)}}


class WaitTimerConfig(Config):
    """How long. Settings of the ways that are not chosen are kept and mean nothing."""

    mode: Literal["span", "window", "date"] = Field(
        default="span",
        title="Wait",
        json_schema_extra={
            "labels": {
                "span": "For a span of time",
                "window": "For a span, then for a weekday or time",
                "date": "Until a date of the person or company",
            }
        },
    )
    amount: int = Field(
        default=1, ge=0, le=3650, title="Wait for", json_schema_extra=_shown("span", "window")
    )
    unit: Unit = Field(default="days", title="Unit", json_schema_extra=_shown("span", "window"))
    weekdays: list[Weekday] = Field(
        default=[],
        max_length=7,
        title="Then until one of these days",
        description="None means any day. Times are read in the time zone of each person or company;"
        " both empty means the whole day.",
        json_schema_extra={"widget": "chips", **_shown("window")},
    )
    start: str = Field(
        default="",
        pattern=CLOCK,
        title="From",
        json_schema_extra={"widget": "time", **_shown("window")},
    )
    end: str = Field(
        default="",
        pattern=CLOCK,
        title="To",
        description="Earlier than “from” means on the next day.",
        json_schema_extra={"widget": "time", **_shown("window")},
    )
    attribute: str | None = Field(
        default=None,
        max_length=100,
        title="Date",
        json_schema_extra={"options": "date_attributes", **_shown("date")},
    )
    days: int = Field(
        default=0,
        ge=0,
        le=3650,
        title="Days",
        description="0 is the day itself.",
        json_schema_extra=_shown("date"),
    )
    side: Literal["before", "after"] = Field(
        default="before",
        title="Before or after it",
        json_schema_extra={"labels": {"before": "Before", "after": "After"}, **_shown("date")},
    )
    at: str = Field(
        default="09:00",
        pattern=CLOCK,
        title="At",
        description="In the time zone of each person or company. Empty means midnight.",
        json_schema_extra={"widget": "time", **_shown("date")},
    )
    missing: Literal["go", "leave"] = Field(
        default="go",
        title="If the date is empty or past",
        json_schema_extra={
            "labels": {"go": "Go on at once", "leave": "Leave the program"},
            **_shown("date"),
        },
    )

    def window(self) -> Window:
        """The window of the week."""
        start, end = (parse_clock(text or "00:00") for text in (self.start, self.end))
        return Window(weekdays_of(self.weekdays), start, end)


class WaitTimer(StepKind):
    """Holds everybody for a span, to a window of their week, or to a date of theirs.

    Only the span is lengthened by a pause: once it is over, the window is looked for.
    """

    key = "wait_timer"
    label = "Wait timer"
    sentence = "Holds people for a span of time, for a weekday or time, or until a date."
    icon = "timer"
    group = "Waits"
    Config = WaitTimerConfig
    example = {
        "mode": "window", "amount": 3, "unit": "days", "weekdays": ["tue", "thu"],
        "start": "09:00", "end": "11:00",
    }  # fmt: skip

    def words(self, config: WaitTimerConfig, names: Mapping[str, str]) -> str:
        """One sentence."""
        if config.mode == "date":
            return _date_words(config, names)
        unit = config.unit if config.amount != 1 else config.unit.removesuffix("s")
        span = f"{config.amount} {unit}" if config.amount else ""
        if config.mode == "span":
            return f"Waits {span}" if span else "Does not wait"
        window = _window_words(config)
        return f"Waits {span}, then until {window}" if span else f"Waits until {window}"

    def references(self, config: WaitTimerConfig) -> set[tuple[str, int | str]]:
        """The date, by name."""
        if config.mode != "date" or not config.attribute:
            return set()
        return {("attribute", config.attribute)}

    def waits_on(self, config: WaitTimerConfig, subject: str) -> list[Node]:
        """Who waits for a date follows it when it changes, and their own time zone."""
        if config.mode != "date" or not config.attribute:
            return []
        tests = [
            {"test": "attribute", "name": name, "operator": "set"}
            for name in (config.attribute, "time_zone")
        ]
        return [load_rule(test, subject) for test in tests]

    def check(self, config: WaitTimerConfig, context: CheckContext) -> list[Mark]:
        """What the chosen way needs."""
        if config.mode == "date":
            return _date_marks(config, context.subject)
        if config.mode == "window":
            return _window_marks(config)
        if config.amount == 0:
            return [Mark("/amount", "Enter at least 1, or remove this step.", code="missing")]
        return []

    def run(self, batch: StepBatch) -> dict[int, Outcome]:
        """The span begins, or the date is looked up."""
        config: Any = batch.step.config
        if config.mode == "date":
            return _for_dates(config, batch)
        if config.mode == "window" and config.amount == 0:
            return _for_window(config, batch)
        span = timedelta(**{config.unit: config.amount})
        # from when they came: a new version's wait does not begin anew
        return {t.id: WaitUntil(t.step_since + span) for t in batch.travellers}

    def resume(self, batch: StepBatch) -> dict[int, Outcome]:
        """The time is up, or the date has changed."""
        config: Any = batch.step.config
        if config.mode == "date":
            return _for_dates(config, batch)
        if config.mode == "window":
            return _for_window(config, batch)
        return {t.id: Go() for t in batch.travellers}


# --- a window of the week -------------------------------------------------------------------


def _for_window(config: WaitTimerConfig, batch: StepBatch) -> dict[int, Outcome]:
    """Nobody goes on outside the window: who is late by a pause or a breakdown waits for the
    next one."""
    window = config.window()
    zones = zones_of(batch.travellers, batch.subject)
    opens = {zone: next_open(window, batch.now, zone) for zone in set(zones.values())}
    return {
        t.id: _wait_or_go(t, opens[zones[t.id]] or batch.now, batch.now, zones[t.id])
        for t in batch.travellers
    }


def _wait_or_go(t: Traveller, due: datetime, now: datetime, zone: ZoneInfo, **why: Any) -> Outcome:
    """Go on when it is time; say nothing when the moment that is waited for stays the same."""
    local = due.astimezone(zone).strftime("%Y-%m-%d %H:%M")
    if due <= now:
        return Go(evidence={"local_time": local, "time_zone": zone.key, **why})
    if t.limit_at == due:
        return Stay()
    evidence = {"local_time": local, "time_zone": zone.key, **why}
    return WaitUntil(due, local, zone.key, evidence)


def _window_marks(config: WaitTimerConfig) -> list[Mark]:
    if not (config.weekdays or config.start or config.end):
        return [Mark("/weekdays", "Choose weekdays or a time, or wait for a span.", code="missing")]
    if bool(config.start) != bool(config.end):
        field = "/end" if config.start else "/start"
        return [Mark(field, "Enter both times, or none for the whole day.", code="missing")]
    if config.start and config.start == config.end != "00:00":
        return [Mark("/end", "This window has no length: enter a later time.")]
    return []


def _window_words(config: WaitTimerConfig) -> str:
    days = _or([LONG[day] for day in LONG if day in config.weekdays]) or "any day"
    if not config.start and not config.end:
        return f"{days} (local time)"
    return f"{days} between {config.start or '00:00'} and {config.end or '24:00'} local time"


def _or(items: list[str]) -> str:
    *head, last = items or [""]
    return f"{', '.join(head)} or {last}" if head else last


# --- a date ---------------------------------------------------------------------------------


def _for_dates(config: WaitTimerConfig, batch: StepBatch) -> dict[int, Outcome]:
    """The date as it is now, so that who waits for it follows it."""
    spec = attribute_specs(batch.subject).get(config.attribute or "")
    usable = spec is not None and spec.type in DATES
    dates = dates_of(spec, batch.travellers, batch.subject) if usable and spec else {}
    zones = zones_of(batch.travellers, batch.subject)
    return {t.id: _for_date(config, t, dates.get(t.id), zones[t.id], batch.now)
            for t in batch.travellers}  # fmt: skip


def _for_date(
    config: WaitTimerConfig, t: Traveller, value: date | datetime | None, zone: ZoneInfo,
    now: datetime,
) -> Outcome:  # fmt: skip
    due = _due(config, value, zone)
    reached = t.limit_at is not None and t.limit_at <= now
    if due is not None and (due > now or reached):
        return _wait_or_go(t, due, now, zone, date=str(value))
    evidence = {"date": "" if value is None else str(value), "past": value is not None}
    if config.missing == "leave":
        label = "The date is past" if value is not None else "The date is empty"
        return Leave("completed", label, evidence)
    return Go(evidence=evidence)


def _due(config: WaitTimerConfig, value: date | datetime | None, zone: ZoneInfo) -> datetime | None:
    """The moment that is meant; None for no date, or one beyond the calendar."""
    if value is None:
        return None
    try:
        days = timedelta(days=config.days)
        day = day_in(value, zone) + (days if config.side == "after" else -days)
        return moment(datetime.combine(day, parse_clock(config.at or "00:00")), zone)
    except OverflowError:
        return None


def _date_marks(config: WaitTimerConfig, subject: str) -> list[Mark]:
    if not config.attribute:
        return [Mark("/attribute", "Choose the date that is waited for.", code="missing")]
    spec: Spec | None = attribute_specs(subject).get(config.attribute)
    if spec is None:
        message = f"There is no attribute “{config.attribute}” any more: choose another date."
        return [Mark("/attribute", message, code="gone")]
    if spec.type not in DATES:
        return [Mark("/attribute", f"“{spec.label}” is no date: choose another.")]
    return []


def _date_words(config: WaitTimerConfig, names: Mapping[str, str]) -> str:
    attribute = config.attribute or ""
    name = names.get(f"attribute:{attribute}", attribute.replace("_", " "))
    words = f"“{name}”" if name else "(no date chosen)"
    if config.days:
        words = f"{config.days} day{'s' if config.days != 1 else ''} {config.side} {words}"
    then = "goes on at once" if config.missing == "go" else "leaves the program"
    clock = config.at or "00:00"
    return f"Waits until {words} at {clock} local time; {then} if that is empty or past"
