"""Imports in the admin: upload, map, try, run, and what could not be taken."""

import csv
import io
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET, require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from csplatform.adminkit.base import ReadOnlyAdmin, tell_problems
from csplatform.adminkit.templatetags.console import when
from csplatform.imports import operations
from csplatform.imports.kind import import_kinds
from csplatform.imports.mapping import Options
from csplatform.imports.models import ImportProblem, ImportRun, RunState
from csplatform.imports.reading import MAX_BYTES, MAX_ROWS
from csplatform.kit.csvtext import safe_row
from csplatform.kit.errors import DomainError

TONES = {
    "Done": "success", "Tried": "info", "Running": "info", "Being tried": "info",
    "Cancelled": "warning", "Failed": "danger",
}  # fmt: skip
PROBLEMS_PER_PAGE = 50


class KindFilter(admin.SimpleListFilter):
    """What the rows are."""

    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The registered kinds."""
        return [(kind.key, kind.label) for kind in import_kinds]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Imports of the chosen kind."""
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(ImportRun)
class ImportRunAdmin(ReadOnlyAdmin):
    """Files on their way in."""

    icon = "upload"
    list_display = ("file", "kind_label", "state_label", "rows", "refused", "made_by", "made")
    list_display_links = None
    list_filter = (KindFilter, ("state", ChoicesDropdownFilter))
    search_fields = ("file_name",)
    list_select_related = ("made_by",)
    actions = ("delete_runs",)
    ordering = ("-id",)
    empty_title = "Nothing was imported yet"
    empty_text = "Bring companies, people or events in from a CSV or Excel file: press “+”."

    class Media:
        css = {"all": ["imports/imports.css"]}

    # --- list -----------------------------------------------------------------------------------

    @display(description="File", ordering="file_name")
    def file(self, run: ImportRun) -> SafeString:
        """Leading to its page."""
        url = reverse("admin:imports_importrun_change", args=[run.pk])
        return format_html('<a class="cs-link" href="{}">{}</a>', url, run.file_name)

    @display(description="Rows of", ordering="kind")
    def kind_label(self, run: ImportRun) -> str:
        """What they are."""
        return _label(run.kind)

    @display(description="State", ordering="state", label=TONES)
    def state_label(self, run: ImportRun) -> str:
        """As a badge."""
        return run.get_state_display()

    @display(description="Rows", ordering="total")
    def rows(self, run: ImportRun) -> str:
        """How many, and how far."""
        return f"{run.done:,} of {run.total:,}" if run.is_active else f"{run.total:,}"

    @display(description="Refused", ordering="failed")
    def refused(self, run: ImportRun) -> str | SafeString:
        """How many, leading to them."""
        if not run.failed:
            return "–"
        url = reverse("admin:imports_importrun_change", args=[run.pk])
        return format_html('<a class="cs-link" href="{}#problems">{}</a>', url, f"{run.failed:,}")

    @display(description="Uploaded", ordering="made_at")
    def made(self, run: ImportRun) -> str:
        """How long ago."""
        return when(run.made_at)

    @admin.action(description="Delete (what they brought in stays)", permissions=["delete"])
    def delete_runs(self, request: HttpRequest, queryset: QuerySet[ImportRun]) -> None:
        """Through the operation."""
        ids = list(queryset.values_list("pk", flat=True))
        count = operations.delete_runs(ids, actor=request.user)
        messages.success(request, f"{count:,} imports deleted.")

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Ours says what stays."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whoever may add anything that is imported."""
        user: Any = request.user
        return user.has_perm("imports.add_importrun") and bool(_kinds_for(user))

    def has_delete_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        """By role."""
        return bool(request.user.has_perm("imports.delete_importrun"))

    # --- pages ----------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        """Upload, the page of an import with its live part, what one does, refused rows."""
        wrap = self.admin_site.admin_view
        views = {
            "change": ("", self.run_page),
            "live": ("live/", require_GET(self.live_part)),
            "do": ("do/", require_POST(self.act)),
            "problems": ("problems.csv", require_GET(self.problems_file)),
        }
        pages = [
            path(
                f"<int:run_id>/{'change/' if name == 'change' else address}",
                wrap(view),
                name=f"imports_importrun_{name}",
            )
            for name, (address, view) in views.items()
        ]
        add = path("add/", wrap(self.upload_page), name="imports_importrun_add")
        return [add, *pages, *super().get_urls()]

    def _frame(self, request: HttpRequest, **more: Any) -> dict[str, Any]:
        request.current_app = self.admin_site.name  # type: ignore[attr-defined]
        return {**self.admin_site.each_context(request), "opts": self.opts, "media": self.media,
                **more}  # fmt: skip

    def upload_page(self, request: HttpRequest) -> HttpResponse:
        """Choose what the rows are, and a file."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        problems: list[Any] = []
        if request.method == "POST":
            try:
                name, content = _given(request)
                run = operations.upload(
                    request.POST.get("kind", ""), name, content, actor=request.user
                )
                return HttpResponseRedirect(_url(run))
            except DomainError as error:
                problems = error.problems
        context = self._frame(
            request, title="Import a file", problems=problems, kinds=_kinds_for(request.user),
            chosen=request.POST.get("kind") or request.GET.get("kind", ""),
            max_mb=MAX_BYTES // 1_000_000, max_rows=MAX_ROWS,
        )  # fmt: skip
        return TemplateResponse(request, "imports/upload.html", context)

    def run_page(self, request: HttpRequest, run_id: int) -> HttpResponse:
        """Mapping, progress and outcome of one import."""
        run = self._run(request, run_id)
        context = self._frame(request, title=str(run), **self._shown(request, run))
        return TemplateResponse(request, "imports/run.html", context)

    def live_part(self, request: HttpRequest, run_id: int) -> HttpResponse:
        """The part that changes while the lane works."""
        run = self._run(request, run_id)
        return TemplateResponse(request, "imports/_live.html", self._shown(request, run))

    def act(self, request: HttpRequest, run_id: int) -> HttpResponse:
        """Save the mapping, try, start, cancel, resume."""
        run, what = self._run(request, run_id), request.POST.get("do", "")
        try:
            if what in ("map", "check", "start") and "mapped" in request.POST:
                operations.set_mapping(
                    run.pk, _mapping(request, run), _options(request), actor=request.user
                )
            if what in ("check", "start"):
                operations.start(run.pk, actor=request.user, dry_run=what == "check")
            elif what == "cancel":
                operations.cancel(run.pk, actor=request.user)
            elif what == "resume":
                operations.resume(run.pk, actor=request.user)
            elif what == "map":
                messages.success(request, "Saved.")
        except DomainError as error:
            tell_problems(request, error)
        return HttpResponseRedirect(_url(run))

    def problems_file(self, request: HttpRequest, run_id: int) -> HttpResponse:
        """Refused rows as they came, with what is wrong: to be mended and uploaded again."""
        run = self._run(request, run_id)
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(["What is wrong", *safe_row(run.columns)])
        for row in _merged(run.problems.filter(is_note=False).order_by("row", "pk")):
            writer.writerow(safe_row(row))
        return HttpResponse(
            "\ufeff" + out.getvalue(),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="refused-{run.pk}.csv"'},
        )

    def _run(self, request: HttpRequest, run_id: int) -> ImportRun:
        run = ImportRun.objects.select_related("made_by").filter(pk=run_id).first()
        if run is None or not self.has_view_permission(request):
            raise Http404
        return run

    def _shown(self, request: HttpRequest, run: ImportRun) -> dict[str, Any]:
        kind = import_kinds.get(run.kind) if run.kind in import_kinds else None
        user: Any = request.user
        may = kind is not None and all(user.has_perm(p) for p in kind.permissions)
        words = request.GET.get("q", "").replace("\x00", "")[:100]
        found = run.problems.order_by("row", "pk")
        if words:
            found = found.filter(message__icontains=words) | found.filter(column__icontains=words)
        pages = Paginator(found, PROBLEMS_PER_PAGE)
        return {
            "run": run,
            "kind": kind,
            "may": may,
            "mapping_open": may and run.state in (RunState.NEW, RunState.CHECKED),
            "can_resume": may and run.was in ("checking", "running")
            and run.state in (RunState.CANCELLED, RunState.FAILED),
            "columns": _columns(run, kind),
            "targets": _grouped(kind),
            "options": {**Options().model_dump(), **run.options},
            "page": pages.get_page(request.GET.get("page")),
            "q": words,
        }  # fmt: skip


def _label(key: str) -> str:
    return import_kinds.get(key).label if key in import_kinds else key


def _kinds_for(user: Any) -> list[Any]:
    return [kind for kind in import_kinds if all(user.has_perm(p) for p in kind.permissions)]


def _url(run: ImportRun) -> str:
    return reverse("admin:imports_importrun_change", args=[run.pk])


def _given(request: HttpRequest) -> tuple[str, bytes]:
    upload: Any = request.FILES.get("file")
    pasted = request.POST.get("text", "")
    if upload is None and pasted.strip():
        return "pasted.csv", pasted.encode()
    if upload is None:
        raise DomainError("Choose a file, or paste a table.", path="/file", code="missing")
    if upload.size > MAX_BYTES:
        raise DomainError(f"The file is larger than {MAX_BYTES // 1_000_000} MB: split it.")
    return upload.name, upload.read()


def _mapping(request: HttpRequest, run: ImportRun) -> dict[str, str]:
    found = {str(i): request.POST.get(f"column_{i}", "") for i in range(len(run.columns))}
    return {place: target for place, target in found.items() if target}


def _options(request: HttpRequest) -> dict[str, str]:
    return {name: request.POST[name] for name in Options.model_fields if name in request.POST}


def _columns(run: ImportRun, kind: Any) -> list[dict[str, Any]]:
    labels = {target.name: target.label for target in kind.targets()} if kind else {}
    return [
        {
            "place": place,
            "heading": heading,
            "target": run.mapping.get(str(place), ""),
            "label": labels.get(run.mapping.get(str(place), ""), ""),
            "sample": [line[place] for line in run.sample if place < len(line) and line[place]][:3],
        }
        for place, heading in enumerate(run.columns)
    ]


def _grouped(kind: Any) -> list[Any]:
    return kind.targets() if kind else []


def _merged(problems: QuerySet[ImportProblem]) -> Any:
    """One line per row of the file, its problems together."""
    number: int | None = None
    cells: list[str] = []
    words: list[str] = []
    for problem in problems.iterator(chunk_size=2000):
        if problem.row != number:
            if number is not None:
                yield ["; ".join(words), *cells]
            number, cells, words = problem.row, problem.cells, []
        words.append(f"{problem.column}: {problem.message}" if problem.column else problem.message)
    if number is not None:
        yield ["; ".join(words), *cells]
