"""Fields as a form: the settings of every source stand under its key, those of one are kept."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from csplatform.kit.schema import Config, FormField, form_fields
from journeys.fields.source import field_sources


class FieldForm(Config):
    """One field, without the settings of its source."""

    label: str = Field(default="", max_length=100, title="Name")
    key: str = Field(
        default="", max_length=40, title="Key",
        description="For mails: {{ fields.key }}. Empty: made of the name.",
    )  # fmt: skip
    source: str | None = Field(
        default="events", title="Made of", json_schema_extra={"options": "field_sources"}
    )


def form_of_fields(subject: str) -> FormField:
    """The input of all fields of a program."""
    own = [
        FormField(
            name=source.key, label=source.label, help=source.sentence, widget="object",
            required=False, default={}, fields=form_fields(source.Config),
            extra=(("when", {"source": [source.key]}),),
        )
        for source in field_sources
        if subject in source.subjects
    ]  # fmt: skip
    return FormField(
        name="fields", label="Fields", help="", widget="list", required=False, default=[],
        fields=(*form_fields(FieldForm), *own),
    )  # fmt: skip


def values_of_form(fields: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Definitions as the form shows them."""
    return [{**item, str(item.get("source")): item.get("config") or {}} for item in fields]


def key_of(label: Any) -> str:
    """A key made of a name: “Logins, 30 days” as logins_30_days; "" when nothing is left of it."""
    words = re.sub(r"[^a-z0-9]+", "_", str(label).lower()).strip("_")
    return words.lstrip("0123456789_")[:40]


def field_of_form(item: Mapping[str, Any]) -> dict[str, Any]:
    """A definition as it is stored, from the form or as it is."""
    source = item.get("source")
    config = item.get("config", item.get(source) if isinstance(source, str) else {})
    found = {name: item.get(name) or "" for name in ("key", "label", "source")}
    found["key"] = found["key"] or key_of(found["label"])
    known = {source.key for source in field_sources} | {"config"}
    rest = {name: value for name, value in item.items() if name not in found.keys() | known}
    return {**found, "config": config or {}, **rest}
