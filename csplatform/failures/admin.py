"""The desk of failures: what went wrong inside jobs, and what to do about it."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from csplatform.adminkit.base import ReadOnlyAdmin, tell_problems
from csplatform.adminkit.templatetags.console import when
from csplatform.failures import queues
from csplatform.failures.models import Failure
from csplatform.failures.operations import is_known, retry, solve
from csplatform.failures.queue_urls import PERMISSION as QUEUES
from csplatform.kit.errors import DomainError

MOST_AT_ONCE = 1000
TONES = {"Open": "danger", "Tried again": "warning", "Solved": "success"}
DESK = "admin:failures_failure_changelist"


class WorkFilter(admin.SimpleListFilter):
    """The work or chore."""

    title = "work"
    parameter_name = "work"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Works that have failed so far."""
        works = Failure.objects.order_by("work").values_list("work", flat=True).distinct()
        return [(work, work) for work in works]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Failures of the chosen work."""
        return queryset.filter(work=self.value()) if self.value() else queryset


@admin.register(Failure)
class FailureAdmin(ReadOnlyAdmin):
    """Errors inside jobs, one row for all that are alike, and RQ's failed jobs above them."""

    icon = "report"
    list_display = ("what", "work_shown", "count_shown", "last", "first", "state_label")
    list_filter = (
        ("state", ChoicesDropdownFilter), ("lane", admin.AllValuesFieldListFilter), WorkFilter,
        ("last_at", RangeDateTimeFilter),
    )  # fmt: skip
    search_fields = ("error_type", "message", "place", "work")
    search_help_text = "Error, message, place or work"
    ordering = ("-last_at", "-id")
    actions = ("retry_selected", "solve_selected")
    list_before_template = "admin/failures/failure/jobs.html"
    empty_title = "Nothing has failed"
    empty_text = "Errors inside jobs will stand here with their stack, and can be tried again."

    class Media:
        css = {"all": ["failures/failures.css"]}

    @display(description="Error", ordering="error_type")
    def what(self, failure: Failure) -> SafeString:
        """The error and what it says, leading to its page."""
        url = reverse("admin:failures_failure_change", args=[failure.pk])
        said = failure.message.partition("\n")[0][:160]
        return format_html(
            '<a class="fl-error" href="{}">{}</a><span class="fl-said">{}</span>'
            '<span class="fl-place">{}</span>',
            url, failure.error_type, said, failure.place,
        )  # fmt: skip

    @display(description="Work", ordering="work")
    def work_shown(self, failure: Failure) -> SafeString:
        """The work or chore, and its lane."""
        words = "chore" if failure.kind == "chore" else f"{failure.lane} lane"
        return format_html('{}<span class="fl-place">{}</span>', failure.work, words)

    @display(description="Times", ordering="count")
    def count_shown(self, failure: Failure) -> str:
        """How often, and how often after a solution."""
        back = f" (came back {failure.came_back} ×)" if failure.came_back else ""
        return f"{failure.count:,}{back}"

    @display(description="Last", ordering="last_at")
    def last(self, failure: Failure) -> str:
        """When it last happened."""
        return when(failure.last_at)

    @display(description="First", ordering="first_at")
    def first(self, failure: Failure) -> str:
        """When it happened first."""
        return when(failure.first_at)

    @display(description="State", ordering="state", label=TONES)
    def state_label(self, failure: Failure) -> str:
        """The state as a badge."""
        return failure.get_state_display()

    def has_desk_permission(self, request: HttpRequest) -> bool:
        """Who may decide about failures."""
        return request.user.has_perm("failures.change_failure")

    @admin.action(description="Try again now", permissions=["desk"])
    def retry_selected(self, request: HttpRequest, queryset: QuerySet[Failure]) -> None:
        """Start the works and chores of the ticked ones."""
        self._decide(request, queryset, retry, "{} tried again; solved when they run well.",
                     "{} were left alone: their work no longer exists.")  # fmt: skip

    @admin.action(description="Mark as solved", permissions=["desk"])
    def solve_selected(self, request: HttpRequest, queryset: QuerySet[Failure]) -> None:
        """Call the ticked ones solved."""
        self._decide(request, queryset, solve, "{} marked as solved; they open if they come back.",
                     "{} were solved already.")  # fmt: skip

    def _decide(
        self, request: HttpRequest, queryset: Any, act: Callable[..., int], done: str, left: str
    ) -> None:
        ids = list(queryset.values_list("pk", flat=True)[:MOST_AT_ONCE])
        number = act(ids, actor=request.user)
        if number:
            messages.success(request, done.format(number))
        if number < len(ids):
            messages.warning(request, left.format(len(ids) - number))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list, with RQ's failed jobs above it."""
        more = {
            "failed": queues.failed_jobs(),
            "can_decide": self.has_desk_permission(request),
            "may_see_queues": request.user.has_perm(QUEUES),
        }
        return super().changelist_view(request, {**(extra_context or {}), **more})

    def get_urls(self) -> list[URLPattern]:
        """Actions on one failure and on RQ's failed jobs."""
        wrap = self.admin_site.admin_view
        ours = [
            path("jobs/do/", wrap(require_POST(self.act_on_job)), name="failures_failure_job_do"),
            path("<int:failure_id>/do/", wrap(require_POST(self.act)), name="failures_failure_do"),
        ]
        return [*ours, *super().get_urls()]

    def act(self, request: HttpRequest, failure_id: int) -> HttpResponse:
        """Decide about one failure: do=retry|solve."""
        acts = {"retry": (retry, "Tried again; solved when it runs well."),
                "solve": (solve, "Marked as solved; it opens if it comes back.")}  # fmt: skip
        act, words = acts.get(request.POST.get("do", ""), (None, ""))
        try:
            if act is not None and act([failure_id], actor=request.user):
                messages.success(request, words)
            else:
                messages.warning(request, "Nothing to do: its state has changed meanwhile.")
        except DomainError as error:
            tell_problems(request, error)
        return HttpResponseRedirect(reverse("admin:failures_failure_change", args=[failure_id]))

    def act_on_job(self, request: HttpRequest) -> HttpResponse:
        """Decide about RQ's failed jobs: do=retry|delete with lane and id, or do=clear."""
        do, lane = request.POST.get("do", ""), request.POST.get("lane", "")
        job_id = request.POST.get("id", "")
        try:
            if do == "clear":
                number = queues.clear_jobs(actor=request.user)
                messages.success(request, f"{number} failed jobs were deleted.")
            elif do == "retry":
                queues.retry_job(lane, job_id, actor=request.user)
                messages.success(request, "The job is in its queue again.")
            elif do == "delete":
                queues.delete_job(lane, job_id, actor=request.user)
                messages.success(request, "The job was deleted.")
        except DomainError as error:
            tell_problems(request, error)
        return HttpResponseRedirect(reverse(DESK))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """One failure instead of a form: where, how often, the stack, what can be done."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if not object_id.isdigit() or len(object_id) > 18:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        failure = get_object_or_404(Failure.objects.select_related("solved_by"), pk=object_id)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": failure,
            "failure": failure,
            "title": str(failure),
            "can_decide": self.has_desk_permission(request),
            "can_retry": is_known(failure),
        }
        return TemplateResponse(request, "admin/failures/failure/failure.html", context)
