"""The rule builder as a form field and widget, for any Django form."""

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString

from csplatform.rules.parse import problems_of


class RuleWidget(forms.Widget):
    """The rule builder; without JavaScript a text area with the rule's JSON.

    Args:
        subject: "person" or "company".
        subject_from: name of the form's select that tells the subject instead, if any.
        shown_if: (name of a select, its value) without which the builder is hidden.
    """

    template_name = "rules/widget.html"

    def __init__(
        self,
        subject: str = "person",
        subject_from: str = "",
        shown_if: tuple[str, str] = ("", ""),
        attrs: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(attrs)
        self.subject, self.subject_from, self.shown_if = subject, subject_from, shown_if

    @property
    def media(self) -> forms.Media:
        """The module and its look."""
        script: Any = forms.Script("rules/mount.js", type="module")
        return forms.Media(css={"all": ["rules/builder.css"]}, js=[script])

    def format_value(self, value: Any) -> str:
        """The rule as JSON text."""
        return value if isinstance(value, str) else json.dumps(value or {})

    def _render(
        self, template_name: str, context: dict[str, Any], renderer: Any = None
    ) -> SafeString:
        """By the project's own templates, which the renderer of forms does not see."""
        return render_to_string(template_name, context)

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Addresses and subject for the module."""
        context = super().get_context(name, value, attrs)
        context["builder"] = {
            "subject": self.subject,
            "subject_from": self.subject_from,
            "shown_if": self.shown_if,
            "describe_url": reverse("rules:describe"),
            "preview_url": reverse("rules:preview"),
            "suggest_url": reverse("rules:suggest"),
            "find_url": reverse("rules:find"),
            "explain_url": reverse("rules:explain"),
        }
        return context


class RuleField(forms.Field):
    """A rule about people or companies; `clean` gives its JSON, checked.

    Args:
        subject: "person" or "company".
        subject_from: name of another field that tells the subject; the form (or the operation
            behind it) then checks the rule, because a field cannot see its neighbours.
    """

    widget = RuleWidget

    def __init__(
        self,
        *,
        subject: str = "person",
        subject_from: str = "",
        shown_if: tuple[str, str] = ("", ""),
        **more: Any,
    ) -> None:
        self.subject, self.subject_from = subject, subject_from
        more.setdefault("widget", RuleWidget(subject, subject_from, shown_if))
        super().__init__(**more)

    def to_python(self, value: Any) -> Any:
        """The JSON value; {} for nothing."""
        if value in (None, ""):
            return {}
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            raise ValidationError("This is no JSON.", code="invalid") from None

    def validate(self, value: Any) -> None:
        """Refuse what the language refuses, with the place."""
        if self.subject_from:
            return
        if problems := problems_of(value, self.subject):
            raise ValidationError([f"{p.path or 'Rule'}: {p.message}" for p in problems])

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare as JSON, not as text."""
        try:
            return bool(self.to_python(initial) != self.to_python(data))
        except ValidationError:
            return True
