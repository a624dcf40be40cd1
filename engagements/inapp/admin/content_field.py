"""The builder's field: settings of the kind, blocks, and the live preview beside them."""

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString

from csplatform.adminkit.block_editor import describe_editor, describe_field
from csplatform.kit.errors import DomainError
from csplatform.kit.registry import UnknownKind
from csplatform.kit.schema import form_fields
from engagements.inapp.content import parse_content
from engagements.inapp.kind import engagement_kinds
from journeys.emails.tokens import token_offers


class ContentWidget(forms.Widget):
    """The builder; without JavaScript a text area with the content's JSON."""

    template_name = "engagements/content_widget.html"

    def __init__(self, kind: str, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs)
        self.kind = kind

    @property
    def media(self) -> forms.Media:
        """The module and its look."""
        return forms.Media(
            css={"all": ["adminkit/blocks.css", "engagements/admin/builder.css"]},
            js=[forms.Script("engagements/admin/builder.js", type="module")],  # type: ignore[list-item]
        )

    def _render(self, template_name: str, context: Any, renderer: Any = None) -> SafeString:
        """With the project's templates; the forms' own engine knows the theme's only."""
        return render_to_string(template_name, context)

    def format_value(self, value: Any) -> str:
        """The content as JSON text."""
        return value if isinstance(value, str) else json.dumps(value or {})

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """What the module needs to draw the inputs and to ask for the preview."""
        context = super().get_context(name, value, attrs)
        kind = engagement_kinds.get(self.kind)
        context["about"] = {
            "kind": kind.key,
            "settings": [describe_field(field) for field in form_fields(kind.Settings)],
            **describe_editor(kind.place, token_offers()),
            "preview": reverse("admin:engagements_engagement_preview"),
        }
        context["about_id"] = f"{name}-about"
        context["frame"] = reverse("engagement-frame", args=[kind.renderer])
        return context


class ContentField(forms.Field):
    """The content of an engagement as JSON, checked by its kind."""

    def __init__(self, *, kind: str, **more: Any) -> None:
        self.kind = kind
        more.setdefault("widget", ContentWidget(kind))
        super().__init__(**more)

    def to_python(self, value: Any) -> Any:
        """The JSON value."""
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value or "{}")
        except (ValueError, RecursionError):
            raise ValidationError("This is no JSON.", code="invalid") from None

    def validate(self, value: Any) -> None:
        """Refuse what the kind refuses, naming the place."""
        super().validate(value)
        try:
            parse_content(self.kind, value)
        except DomainError as error:
            raise ValidationError([f"{p.path}: {p.message}" for p in error.problems]) from None
        except UnknownKind as error:
            raise ValidationError(str(error)) from None

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare as JSON, not as text."""
        try:
            return bool(self.to_python(initial) != self.to_python(data))
        except ValidationError:
            return True
