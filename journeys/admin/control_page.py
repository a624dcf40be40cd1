"""The control group of a program, and the global hold-out (PRG-28)."""

from django.contrib import admin, messages
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_GET

from csplatform.adminkit.base import ReadOnlyAdmin
from csplatform.kit.errors import DomainError
from journeys.admin.door import frame, load_program, need
from journeys.flow.parse import parse_flow
from journeys.models import HoldOut, Participant
from journeys.operations.hold_out import HIGHEST, current_hold_out, set_hold_out
from journeys.snapshot.uplift import FEWEST, FEWEST_GOALS, program_uplift


@require_GET
def control_page(request: HttpRequest, object_id: str, *, model_admin: ModelAdmin) -> HttpResponse:
    """Goal rates of both groups and what lies between them."""
    need(request, "journeys.view_program")
    program = load_program(object_id)
    flow = parse_flow(program.published.document if program.published else program.draft)
    context = frame(
        model_admin, request, program, result=program_uplift(program.pk), control=flow.control,
        fewest=FEWEST, fewest_goals=FEWEST_GOALS, hold_out=current_hold_out(),
        has_goal=flow.goal is not None,
    )  # fmt: skip
    return TemplateResponse(request, "admin/journeys/program/control.html", context)


@admin.register(HoldOut)
class HoldOutAdmin(ReadOnlyAdmin):
    """One number for the whole installation, on a page of its own."""

    def get_urls(self) -> list[URLPattern]:
        """The page instead of a list."""
        page = self.admin_site.admin_view(self.page)
        return [path("", page, name="journeys_holdout_changelist"), *super().get_urls()]

    def page(self, request: HttpRequest) -> HttpResponse:
        """Look at it, and change it."""
        need(request, "journeys.view_holdout")
        if request.method == "POST":
            try:
                row = set_hold_out(request.POST.get("percent", ""), actor=request.user)
                messages.success(request, f"From now on {row} of all are held out of programs.")
                return HttpResponseRedirect(reverse("admin:journeys_holdout_changelist"))
            except DomainError as error:
                messages.error(request, error.problems[0].message)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Global hold-out",
            "hold_out": current_hold_out(),
            "highest": HIGHEST,
            "can_change": request.user.has_perm("journeys.change_holdout"),
            "inside": Participant.objects.filter(control="global", ended_at=None).count(),
        }
        return TemplateResponse(request, "admin/journeys/holdout.html", context)
