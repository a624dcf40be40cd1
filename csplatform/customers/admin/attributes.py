"""Declared attributes in the admin."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest
from unfold.decorators import display

from csplatform.adminkit.base import ModelAdmin
from csplatform.customers.attributes import BUILT_IN
from csplatform.customers.hooks import attribute_users
from csplatform.customers.models import AttributeDefinition
from csplatform.customers.models.attribute import AttributeType
from csplatform.customers.operations.definitions import (
    DefinitionInput,
    change_definition,
    define_attribute,
)


class AttributeForm(forms.ModelForm):
    """Refuses names that are taken and choices that make no sense."""

    class Meta:
        model = AttributeDefinition
        fields = ("subject", "label", "name", "type", "choices", "is_personal")
        help_texts = {
            "choices": "For the type “Choice”: the allowed values, separated by commas.",
            "type": "It cannot change later.",
            "subject": "Whom it describes. It cannot change later.",
        }

    def clean(self) -> dict[str, Any]:
        """Check fields against each other."""
        cleaned = super().clean() or {}
        name, subject = cleaned.get("name"), cleaned.get("subject")
        if name and name in BUILT_IN.get(subject or "", {}):
            self.add_error("name", "This name is built in; choose another one.")
        kind = cleaned.get("type") or self.instance.type
        if kind == AttributeType.CHOICE and not cleaned.get("choices"):
            self.add_error("choices", "Give the values to choose from.")
        return cleaned


@admin.register(AttributeDefinition)
class AttributeDefinitionAdmin(ModelAdmin):
    """Attributes of your own, beside the built-in ones."""

    form = AttributeForm
    icon = "tune"
    list_display = ("label", "name", "subject", "shown_type", "personal")
    list_filter = ("subject", "type")
    search_fields = ("label", "name")
    fields = ("subject", "label", "name", "type", "choices", "is_personal")
    conditional_fields = {"choices": "type == 'choice'"}
    empty_title = "No attributes of your own yet"
    empty_text = (
        "Declare what you know about your customers, e.g. a plan or a number of seats: rules, mails"
        " and lists can use it then."
    )

    def save_model(
        self, request: HttpRequest, obj: AttributeDefinition, form: forms.ModelForm, change: bool
    ) -> None:
        """By the same operations as the API."""
        if change:
            change_definition(
                obj.pk, label=obj.label, choices=obj.choices, is_personal=obj.is_personal,
                actor=request.user,
            )  # fmt: skip
            return
        given = DefinitionInput(
            obj.subject, obj.name, obj.label, obj.type, obj.choices, obj.is_personal
        )
        obj.pk = define_attribute(given, actor=request.user).pk

    @display(description="Type", label=True, ordering="type")
    def shown_type(self, row: AttributeDefinition) -> str:
        """As a label."""
        return row.get_type_display()

    @display(description="Personal", ordering="is_personal")
    def personal(self, row: AttributeDefinition) -> str:
        """Neither answer is a fault, so no coloured marks."""
        return "yes" if row.is_personal else "–"

    def get_readonly_fields(
        self, request: HttpRequest, obj: AttributeDefinition | None = None
    ) -> tuple[str, ...]:
        """Stored values and rules know the name and type."""
        return ("subject", "name", "type") if obj else ()

    def has_delete_permission(
        self, request: HttpRequest, obj: AttributeDefinition | None = None
    ) -> bool:
        """Not while a rule reads it."""
        allowed = super().has_delete_permission(request, obj)
        return allowed and not (obj and used_by(obj))

    def render_change_form(self, request: HttpRequest, context: Any, **kwargs: Any) -> Any:
        """Say why it cannot be deleted."""
        obj = kwargs.get("obj")
        if obj and request.method == "GET" and (users := used_by(obj)):
            messages.info(request, f"Used by {', '.join(users[:5])}; so it cannot be deleted.")
        return super().render_change_form(request, context, **kwargs)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """No deleting in bulk: each has to be asked whether it is used."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions


def used_by(row: AttributeDefinition) -> list[str]:
    """Labels of rules and other things that read an attribute."""
    return [label for users in attribute_users for label in users(row.subject, row.name)]
