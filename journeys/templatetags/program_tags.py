"""Small formatting of the program pages: badges, figures, options, JSON attributes."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import template
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from csplatform.rules.properties import OPERATORS
from journeys.flow.document import find
from journeys.flow.parse import parse_flow

register = template.Library()

STATE_TONES = {
    "draft": "plain", "scheduled": "info", "active": "good", "paused": "warn", "stopped": "error",
    "completed": "info", "unenrolled": "plain", "failed": "error", "removed": "plain",
}  # fmt: skip
END_WORDS = {
    "end": "reached the end of the flow", "goal": "reached the goal",
    "exit": "came to an Exit step", "merged": "merged with another one in the program",
    "watched": "held out, and watched to the end",
}  # fmt: skip
# The choice of a condition about the subject itself, beside those that earlier steps offer.
RULE, FIELD = "rule", "field"


@register.filter
def as_list(value: Any) -> list[Any]:
    """A value or several as a list."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


@register.simple_tag
def state_badge(thing: Any) -> SafeString:
    """A coloured badge of a program's or participant's state."""
    return badge(thing.state, thing.get_state_display())


def badge(state: str, label: str) -> SafeString:
    """A coloured badge."""
    return format_html(
        '<span class="fl-chip is-{}">{}</span>', STATE_TONES.get(state, "plain"), label
    )


@register.simple_tag
def problem_counts(marks: Sequence[Any]) -> dict[str, int]:
    """How many errors and warnings."""
    errors = sum(1 for mark in marks if mark.level == "error")
    return {"errors": errors, "warnings": len(marks) - errors}


@register.filter
def figure(number: Any) -> str:
    """1234567 as 1,234,567."""
    return f"{number:,}" if isinstance(number, int) else str(number)


@register.filter
def as_json(value: Any) -> str:
    """A value as JSON text for a data attribute (escaped by the template)."""
    return json.dumps(None if value == "" else value, ensure_ascii=False, default=str)


@register.filter
def singular(label: str) -> str:
    """“Paths” as “path”, for the button that adds one."""
    word = str(label).lower()
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if word.endswith("s") else word


@register.simple_tag
def option_rows(item: Any) -> list[tuple[str, str, bool]]:
    """(value, label, chosen) of a select; a value that is gone stays visible as such."""
    chosen = "" if item.value is None else str(item.value)
    rows = [(value, label, value == chosen) for value, label in item.options]
    if chosen and not any(mark for _, _, mark in rows):
        rows.insert(0, (chosen, "(not on offer any more)", True))
    if "provider" in item.extra or not chosen:
        rows.insert(0, ("", "Choose…", not chosen))
    return rows


@register.simple_tag
def property_operators(condition: Any) -> list[tuple[str, str, bool]]:
    """(value, label, chosen) of how a participant field is tested."""
    test = condition.get("test") if isinstance(condition, dict) else None
    chosen = test.get("operator") if isinstance(test, dict) else "equals"
    return [(op.key, op.label, op.key == chosen) for op in OPERATORS.values()]


@register.simple_tag
def condition_rows(condition: Any, offers: Sequence[Any]) -> list[tuple[str, str, bool, bool]]:
    """(value, label, chosen, of people) of what a wait can wait for; value is "step event" or
    "rule"."""
    data = condition if isinstance(condition, dict) else {}
    chosen = ""
    if data.get("type") in (RULE, FIELD):
        chosen = str(data["type"])
    elif data.get("step"):
        chosen = f"{data.get('step')} {data.get('event', '')}"
    rows = [(f"{o.step} {o.event}", _offer_label(o), False) for o in offers or ()]
    rows.append((RULE, "Something is true about them (a rule)", False))
    rows.append((FIELD, "A participant field is…", False))
    if chosen and chosen not in {value for value, _, _ in rows}:
        rows.insert(0, (chosen, "(a step that no longer comes before)", False))
    rows.insert(0, ("", "Choose…", False))
    people = {f"{o.step} {o.event}" for o in offers or () if o.of_people}
    return [(value, label, value == chosen, value in people) for value, label, _ in rows]


def _offer_label(offer: Any) -> str:
    return offer.label if offer.positive else f"{offer.label} (judged at the end)"


@register.simple_tag
def reason_words(reasons: dict[str, str], reason: str) -> str:
    """The sentence of a refusal's reason."""
    return reasons.get(reason, reason)


@register.filter
def step_name(key: str, program: Any) -> str:
    """What a step of the draft is called."""
    place = find(parse_flow(program.draft), key)
    return place.step.name if place else key


@register.filter
def end_words(reason: str) -> str:
    """Why a run ended, to stand after a colon; reasons that people wrote stay as they are."""
    return END_WORDS.get(reason, reason)


@register.simple_tag
def local_time(moment: datetime) -> str:
    """A moment in the zone that it carries; Django's own filter would turn it into UTC."""
    return moment.strftime("%-d %b %Y, %H:%M:%S")


@register.simple_tag
def message_url(message: Any) -> str:
    """The page of a message, "" while no page shows its channel."""
    try:
        return reverse("admin:journeys_outbox_change", args=[message.pk])
    except NoReverseMatch:
        return ""
