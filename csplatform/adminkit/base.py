"""The base of every admin page: the look, and an audit entry for each change."""

from typing import Any

from django.forms import ModelForm
from django.forms.models import model_to_dict
from django.http import HttpRequest
from unfold.admin import ModelAdmin as UnfoldModelAdmin

from csplatform.kit import audit


class ModelAdmin(UnfoldModelAdmin):
    """What all our admin classes share."""

    list_per_page = 50
    show_full_result_count = False
    warn_unsaved_form = True
    list_filter_submit = True

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm, change: bool) -> None:
        """Save and record who changed what."""
        before = {name: form.initial.get(name) for name in form.changed_data} if change else {}
        super().save_model(request, obj, form, change)
        names = form.changed_data if change else list(form.fields)
        after = {name: _plain(value) for name, value in model_to_dict(obj, names).items()}
        verb = f"{obj._meta.model_name}.{'change' if change else 'add'}"
        plain = {name: _plain(value) for name, value in before.items()}
        audit.record(request.user, verb, obj, before=plain, after=after)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete and record who did it."""
        audit.record(request.user, f"{obj._meta.model_name}.delete", obj)
        super().delete_model(request, obj)


def _plain(value: Any) -> Any:
    """A value as JSON can hold it."""
    if value is None or isinstance(value, (bool, int, float, str, dict)):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return str(value)
