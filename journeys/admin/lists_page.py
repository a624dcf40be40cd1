"""Uploaded files of a program: what became of their rows, and uploading one (PRG-20)."""

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from csplatform.adminkit.paging import EstimatingPaginator
from csplatform.kit.csvfile import csv_lines
from csplatform.kit.errors import DomainError
from journeys.admin.door import frame, load_program, need
from journeys.flow.entry import source_items
from journeys.models import EntryList, Program
from journeys.operations.csv_rows import MAX_BYTES, MAX_ROWS
from journeys.operations.draft import save_draft
from journeys.operations.lists import delete_list, upload_list

PAGE = 50


@require_GET
def lists_page(
    request: HttpRequest, object_id: str, *, model_admin: ModelAdmin
) -> HttpResponse | StreamingHttpResponse:
    """All files; ?list=… shows the rows of one, &wrong=1 those that mean nobody, &format=csv."""
    need(request, "journeys.view_program")
    program = load_program(object_id)
    files = program.entry_lists.select_related("uploaded_by")
    used = {s.get("list") for s in source_items(program.draft.get("entry", {}))}
    shown, page, wrong = None, None, request.GET.get("wrong") == "1"
    if request.GET.get("list", "").isdigit():
        need(request, "journeys.view_participant")
        shown = get_object_or_404(files, pk=int(request.GET["list"][:18]))
        rows = shown.rows.select_related("person", "company").order_by("number")
        rows = rows.exclude(error="") if wrong else rows
        if request.GET.get("format") == "csv":
            return _as_csv(shown, rows.values_list("number", "key", "context_id", "error"))
        page = EstimatingPaginator(rows, PAGE).get_page(request.GET.get("page"))
    context = frame(
        model_admin, request, program, files=files, used=used, shown=shown, page=page, wrong=wrong,
        query=f"list={shown.pk}&wrong={int(wrong)}" if shown else "", most=MAX_ROWS,
        largest=MAX_BYTES // 1_000_000, can_create=request.user.has_perm("customers.add_person"),
    )  # fmt: skip
    return TemplateResponse(request, "admin/journeys/program/lists.html", context)


def _as_csv(shown: EntryList, rows: object) -> StreamingHttpResponse:
    lines = csv_lines(("row", "key", "context_id", "error"), rows.iterator())  # type: ignore[attr-defined]
    answer = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="rows-{shown.pk}.csv"'
    return answer


@require_POST
def lists_do(request: HttpRequest, object_id: str, *, model_admin: ModelAdmin) -> HttpResponse:
    """Upload files (each becomes a source of the draft), add one as a source, or delete one."""
    need(request, "journeys.change_program")
    program = load_program(object_id)
    page = reverse("admin:journeys_program_lists", args=[program.pk])
    number = request.POST.get("list", "")
    try:
        if request.POST.get("do") == "delete" and number.isdigit():
            delete_list(get_object_or_404(program.entry_lists, pk=int(number[:18])).pk,
                        actor=request.user)  # fmt: skip
            messages.success(request, "The file and its rows are gone.")
        elif request.POST.get("do") == "use" and number.isdigit():
            found = get_object_or_404(program.entry_lists, pk=int(number[:18]))
            _use(program, [found], request)
        else:
            _upload(program, request)
    except DomainError as error:
        for problem in error.problems[:5]:
            messages.error(request, problem.message)
    return HttpResponseRedirect(page)


def _upload(program: Program, request: HttpRequest) -> None:
    files = request.FILES.getlist("file")
    if not files:
        raise DomainError("Choose a file first.", path="/file")
    columns = {
        name.removeprefix("column_"): use
        for name, use in request.POST.items()
        if name.startswith("column_") and isinstance(use, str)
    }
    made = []
    for file in files[:20]:
        if (file.size or 0) > MAX_BYTES:
            text = f"“{file.name}” is larger than {MAX_BYTES // 1_000_000} MB: divide it."
            raise DomainError(text, path="/file")
        row = upload_list(
            program.pk, file.name or "", file.read(), actor=request.user,
            columns=columns if columns and len(files) == 1 else None,
            creates_people=bool(request.POST.get("creates_people")),
        )  # fmt: skip
        made.append(row)
        messages.success(request, f"“{row.name}”: {row.rows_total:,} rows are being matched.")
    _use(program, made, request)


def _use(program: Program, files: list[EntryList], request: HttpRequest) -> None:
    """Make files sources of the draft. Raises Conflict for a draft that may not be changed."""
    program.refresh_from_db()
    entry = program.draft.get("entry", {})
    used = {source.get("list") for source in source_items(entry)}
    more = [{"kind": "csv", "list": row.pk} for row in files if row.pk not in used]
    if more:
        draft = {**program.draft, "entry": {**entry, "sources": [*source_items(entry), *more]}}
        save_draft(program.pk, draft, revision=program.draft_revision, actor=request.user)
        messages.success(
            request, "The draft takes people from it; publish the changes to let them in."
        )
