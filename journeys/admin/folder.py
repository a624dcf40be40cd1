"""Folders: their list, renaming, deleting, and moving programs into one (PRG-01)."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from csplatform.adminkit.base import ModelAdmin, tell_problems
from csplatform.kit.errors import DomainError
from journeys.admin.list_filters import UNCATEGORIZED
from journeys.models import Folder, Program
from journeys.operations.folders import (
    create_folder,
    delete_folder,
    folder_named,
    move_programs,
    rename_folder,
)


@admin.register(Folder)
class FolderAdmin(ModelAdmin):
    """Folders of the program list."""

    icon = "folder"
    list_display = ["name", "count"]
    search_fields = ["name"]
    ordering = ["name"]
    empty_title = "No folders yet"
    empty_text = "Programs without a folder stand under “Uncategorized”."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Folder]:
        """With the number of programs."""
        return super().get_queryset(request).annotate(count=Count("programs"))

    @admin.display(description="Programs", ordering="count")
    def count(self, row: Any) -> str | SafeString:
        """How many, leading to them."""
        return _programs(row.pk, row.count)

    def save_model(self, request: HttpRequest, obj: Folder, form: ModelForm, change: bool) -> None:
        """Through the operations."""
        if change:
            saved = rename_folder(obj.pk, obj.name, actor=request.user)
        else:
            saved = create_folder(obj.name, actor=request.user)
        obj.pk, obj.name = saved.pk, saved.name

    def delete_model(self, request: HttpRequest, obj: Folder) -> None:
        """The programs stay."""
        if count := delete_folder(obj.pk, actor=request.user):
            messages.info(request, f"Its {count:,} programs stand under “Uncategorized” now.")

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Folder]) -> None:
        """Each through the operation."""
        for folder in queryset:
            delete_folder(folder.pk, actor=request.user)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """No program is deleted with its folder, so none is listed."""
        names = [f"{folder} (its programs stay, uncategorized)" for folder in objs]
        allowed = self.has_delete_permission(request)
        return names, {"folders": len(names)}, set() if allowed else {"folder"}, []


def _programs(folder: int | str, count: int) -> str | SafeString:
    url = f"{reverse('admin:journeys_program_changelist')}?folder={folder}"
    return format_html('<a class="cs-link" href="{}">{}</a>', url, f"{count:,}") if count else "–"


def move_action(
    model_admin: Any, request: HttpRequest, queryset: QuerySet[Program]
) -> HttpResponse | None:
    """The bulk action "Move to folder": asks for the folder first, then moves."""
    ids = list(queryset.order_by("pk").values_list("pk", flat=True))
    if "move" not in request.POST:
        context = {
            **model_admin.admin_site.each_context(request),
            "title": "Move to folder",
            "opts": model_admin.opts,
            "chosen": ids,
            "folders": Folder.objects.order_by("name"),
            "none": UNCATEGORIZED,
            "back": request.get_full_path(),
        }
        return TemplateResponse(request, "admin/journeys/program/move.html", context)
    try:
        folder = _chosen(request)
        count = move_programs(ids, folder, actor=request.user)
    except DomainError as error:
        tell_problems(request, error)
        return HttpResponseRedirect(request.get_full_path())
    name = folder.name if folder else "Uncategorized"
    messages.success(request, f"{count:,} moved to “{name}”.")
    return None


def _chosen(request: HttpRequest) -> Folder | None:
    """The folder of the form: a new one by its name, or one of the list."""
    if new := request.POST.get("new", "").strip():
        return folder_named(new, actor=request.user)
    chosen = request.POST.get("folder", "")
    if chosen == UNCATEGORIZED:
        return None
    found = Folder.objects.filter(pk=chosen).first() if chosen.isdecimal() else None
    if found is None:
        raise DomainError("Choose a folder, or name a new one.", path="/folder", code="missing")
    return found
