"""Export and import in the admin."""

import re
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from csplatform.adminkit.base import tell_problems
from csplatform.ascode.exporting import export_text
from csplatform.ascode.importing import import_text
from csplatform.ascode.kind import ExportKind, export_kinds, kind_of
from csplatform.ascode.yamltext import MAX_BYTES, MAX_DOCUMENTS
from csplatform.kit.errors import DomainError, Problem

# Whoever may make the smallest thing may look at an import; each operation asks for its own.
PERMISSION = "segments.add_segment"
MAX_ROWS = MAX_DOCUMENTS


@require_GET
def export_page(request: HttpRequest, kind: str, object_id: int) -> HttpResponse:
    """One object as a file."""
    if kind not in export_kinds:
        raise Http404
    found = export_kinds.get(kind)
    row: Any = found.model._default_manager.filter(pk=object_id).first()
    if row is None:
        raise Http404
    try:
        text = export_text([(found, row)], actor=request.user)
    except DomainError as error:
        tell_problems(request, error)
        return HttpResponseRedirect(found.url(row))
    return _file(text, f"{kind}-{row.name}")


def export_selected(
    model_admin: Any, request: HttpRequest, queryset: QuerySet[Any]
) -> HttpResponse | None:
    """The bulk action of a list: the chosen rows as one file. The list tells DomainErrors."""
    kind = kind_of(queryset.model)
    assert kind is not None  # registered for the models of kinds only
    rows = list(queryset[: MAX_ROWS + 1])
    if len(rows) > MAX_ROWS:
        messages.error(request, f"Choose at most {MAX_ROWS} at once.")
        return None
    text = export_text([(kind, row) for row in rows], actor=request.user)
    return _file(text, f"{kind.key}s" if len(rows) != 1 else f"{kind.key}-{rows[0].name}")


def export_url(label: str, object_id: str) -> str:
    """Where an object of a model is exported."""
    kind = next(kind for kind in export_kinds if kind.model._meta.label_lower == label)
    return reverse("ascode:export", args=[kind.key, object_id])


def _file(text: str, name: str) -> HttpResponse:
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:80] or "export"
    return HttpResponse(
        text,
        content_type="application/yaml; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{plain}.yaml"'},
    )


@require_http_methods(["GET", "POST"])
def import_page(request: HttpRequest) -> HttpResponse:
    """Upload or paste, look at the differences in words, apply them."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    context: dict[str, Any] = {**admin.site.each_context(request), "title": "Import"}
    context |= {"kinds": _kinds(), "max_bytes": MAX_BYTES, "text": ""}
    if request.method == "POST":
        try:
            text = _given(request)
            context["text"] = text
            applying = "apply" in request.POST
            state = request.POST.get("state", "") if applying else ""
            if applying and not state:
                raise DomainError("Look at the differences first.", code="state")
            done = import_text(text, actor=request.user, dry_run=not applying, state=state)
            context["applied" if applying else "plan"] = done
        except DomainError as error:
            context["problems"] = error.problems
    return TemplateResponse(request, "ascode/import.html", context)


def _given(request: HttpRequest) -> str:
    """The uploaded file, else what was pasted."""
    upload: Any = request.FILES.get("file")
    if upload is None:
        return request.POST.get("text", "").replace("\r\n", "\n")
    if upload.size > MAX_BYTES:
        text = f"The file is larger than {MAX_BYTES:,} bytes: split it."
        raise DomainError([Problem("", text, "too_large")])
    try:
        return upload.read().decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise DomainError("This is no text in UTF-8.", code="encoding") from None


def _kinds() -> list[ExportKind]:
    return list(export_kinds)
