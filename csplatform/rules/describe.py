"""What the rule builder needs to know to draw its inputs."""

from typing import Any

from csplatform.customers.attributes import attribute_specs
from csplatform.kit.schema import FormField, form_fields
from csplatform.rules.kind import RuleKind
from csplatform.rules.operators import described
from csplatform.rules.options import option_sources
from csplatform.rules.registry import rule_kinds


def describe(subject: str) -> dict[str, Any]:
    """Kinds, attributes and options for rules about a subject, as JSON."""
    kinds = [kind for kind in rule_kinds if subject in kind.subjects and kind.offered]
    shown = [_kind(kind, subject) for kind in kinds]
    providers = {name for kind in shown for name in _providers(kind["fields"])}
    return {
        "subject": subject,
        "kinds": shown,
        "attributes": [described(spec) for spec in attribute_specs(subject).values()],
        "options": {
            name: [list(pair) for pair in option_sources.get(name)(subject)]
            for name in sorted(providers)
            if name in option_sources
        },
    }


def _kind(kind: RuleKind, subject: str) -> dict[str, Any]:
    return {
        "key": kind.key,
        "label": kind.label,
        "group": kind.group,
        "help": kind.help,
        "editor": kind.editor,
        "inner": kind.inner.get(subject),
        "fields": [_field(field) for field in form_fields(kind.Config)],
    }


def _field(field: FormField) -> dict[str, Any]:
    return {
        "name": field.name,
        "label": field.label,
        "help": field.help,
        "widget": field.widget,
        "required": field.required,
        "default": field.default,
        "options": [list(pair) for pair in field.options],
        "provider": field.provider,
        "fields": [_field(inner) for inner in field.fields],
        "extra": dict(field.extra),
    }


def _providers(fields: list[dict[str, Any]]) -> set[str]:
    found = {field["provider"] for field in fields if field["provider"]}
    found |= {name for field in fields for name in field["extra"].get("suggest", {}).values()}
    for field in fields:
        found |= _providers(field["fields"])
    return found
