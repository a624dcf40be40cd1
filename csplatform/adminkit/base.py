"""The base of every admin page: the look, domain errors beside their fields, an audit trail."""

from functools import partial
from typing import Any

from django.contrib import messages
from django.contrib.admin.utils import flatten_fieldsets
from django.contrib.postgres.fields import ArrayField
from django.db.models import Field, QuerySet
from django.forms import Field as FormField
from django.forms import ModelForm
from django.forms.models import model_to_dict
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from unfold.admin import ModelAdmin as UnfoldModelAdmin
from unfold.views import ChangeList
from unfold.widgets import UnfoldAdminTextInputWidget

from csplatform.adminkit import seen
from csplatform.adminkit.checks import ConsoleChecks
from csplatform.adminkit.export import ExportColumn, export_list, shown_columns
from csplatform.adminkit.extensions import actions_for, links_for
from csplatform.adminkit.paging import EstimatingPaginator
from csplatform.kit import audit
from csplatform.kit.errors import DomainError, Problem

_PROBLEMS = "_csplatform_problems"
# Form fields of declared attributes: they may not hide the model's own fields.
PREFIX = "attributes__"


class CompletingList(ChangeList):
    """A list whose rows get what their columns need, looked up together."""

    def get_results(self, request: HttpRequest) -> None:
        """The page, completed."""
        super().get_results(request)
        rows: list[Any] = list(self.result_list)  # type: ignore[has-type]
        self.model_admin.complete(rows)
        self.result_list = rows  # type: ignore[assignment]


class ModelAdmin(UnfoldModelAdmin):
    """What all our admin classes share.

    Attributes:
        empty_title, empty_text: what an empty list says; tell what to do next.
        personal_fields: never written to the audit trail, only that they changed.
        guards_changes: whether saving over somebody else's changes is refused the first time.
            Not needed where only what was changed in the form is written.
    """

    checks_class = ConsoleChecks
    list_per_page = 50
    show_full_result_count = False
    warn_unsaved_form = True
    list_filter_submit = True
    paginator = EstimatingPaginator
    # One line, separated by commas; the theme would make a large box of it.
    formfield_overrides = {ArrayField: {"widget": UnfoldAdminTextInputWidget}}
    empty_title = ""
    empty_text = ""
    personal_fields: tuple[str, ...] = ()
    guards_changes = True
    change_form_before_template = seen.TEMPLATE

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any | None:
        """The row; Conflict when it would be saved over changes that its page did not show."""
        obj = super().get_object(request, object_id, from_field)
        if obj is not None and self.guards_changes and self.has_change_permission(request, obj):
            fixed = set(self.get_readonly_fields(request, obj))
            names = flatten_fieldsets(self.get_fieldsets(request, obj))
            seen.note_seen(request, obj, [name for name in names if name not in fixed])
        return obj

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """The form, with what it was drawn from."""
        context["seen"] = seen.seen_on(request)
        return super().render_change_form(request, context, *args, **kwargs)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """The list that completes its rows."""
        return CompletingList

    def complete(self, rows: list[Any]) -> None:
        """Look up what the list's columns need for rows of one page (or of a part of an export),
        in one query each."""

    def export_columns(self, request: HttpRequest) -> list[ExportColumn]:
        """The columns of the list's file."""
        return shown_columns(self, request)

    def get_urls(self) -> list[URLPattern]:
        """The list as a file, before the theme's and Django's own addresses."""
        export = path(
            "export.csv",
            self.admin_site.admin_view(partial(export_list, self)),
            name=f"{self.opts.app_label}_{self.opts.model_name}_export",
        )
        return [export, *super().get_urls()]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """A domain error raised while saving becomes errors beside the fields, never a 500."""
        seen.begin_saving(request)
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except DomainError as error:
            # The transaction is rolled back; show the same form again with what is wrong.
            setattr(request, _PROBLEMS, error.problems)
            return super().changeform_view(request, object_id, form_url, extra_context)

    def get_form(
        self, request: HttpRequest, obj: Any | None = None, change: bool = False, **kwargs: Any
    ) -> type[ModelForm]:
        """The form; with the problems of the first try if there are any."""
        form = super().get_form(request, obj, change=change, **kwargs)
        problems = getattr(request, _PROBLEMS, None)
        return _with_problems(form, problems) if problems else form

    def formfield_for_dbfield(
        self, db_field: Field, request: HttpRequest, **kwargs: Any
    ) -> FormField | None:
        """The input of a field. What it was before is read from the row, never from the page."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None:
            field.show_hidden_initial = False
        return field

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm, change: bool) -> None:
        """Save and record who changed what."""
        before = {name: form.initial.get(name) for name in form.changed_data} if change else {}
        super().save_model(request, obj, form, change)
        names = form.changed_data if change else list(form.fields)
        after = {name: self._told(name, v) for name, v in model_to_dict(obj, names).items()}
        verb = f"{obj._meta.model_name}.{'change' if change else 'add'}"
        plain = {name: self._told(name, value) for name, value in before.items()}
        audit.record(request.user, verb, obj, before=plain, after=after)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete and record who did it."""
        audit.record(request.user, f"{obj._meta.model_name}.delete", obj)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Delete a selection and record each."""
        for obj in queryset:
            audit.record(request.user, f"{obj._meta.model_name}.delete", obj)
        super().delete_queryset(request, queryset)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """The list's own actions and those that rooms above add."""
        return super().get_actions(request) | actions_for(self.opts.label_lower, request)

    def _get_actions_navigation(
        self, provided_actions: Any, allowed_actions: Any, object_id: str | None = None
    ) -> list[Any]:
        """The page's own links and those that rooms above add to an object."""
        own = super()._get_actions_navigation(provided_actions, allowed_actions, object_id)
        more = links_for(self.opts.label_lower, str(object_id)) if object_id else []
        return [*own, *more]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list; a domain error of a bulk action becomes a message."""
        try:
            return super().changelist_view(request, extra_context)
        except DomainError as error:
            tell_problems(request, error)
            return HttpResponseRedirect(request.get_full_path())

    def _told(self, name: str, value: Any) -> Any:
        return "(changed)" if name in self.personal_fields else _plain(value)


class ReadOnlyAdmin(ModelAdmin):
    """Lists and pages of things that nobody edits by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        """Nobody."""
        return False


def tell_problems(request: HttpRequest, error: DomainError) -> None:
    """Show what is wrong above the next page."""
    for problem in error.problems:
        messages.error(request, problem.message)


def _with_problems(form: type[ModelForm], problems: list[Problem]) -> type[ModelForm]:
    """A form class that is invalid for these reasons; a path's last part names the field."""

    class Refused(form):  # type: ignore[misc,valid-type]
        def clean(self) -> dict[str, Any]:
            cleaned = super().clean()
            for problem in problems:
                name = problem.path.rsplit("/", 1)[-1]
                field = next((n for n in (name, PREFIX + name) if n in self.fields), None)
                self.add_error(field, problem.message)
            return cleaned

    return Refused


def _plain(value: Any) -> Any:
    """A value as JSON can hold it."""
    if value is None or isinstance(value, (bool, int, float, str, dict)):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return str(value)
