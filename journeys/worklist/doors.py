"""Buttons about tasks and playbooks on the snapshot pages: do it, say it, back to the page."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from csplatform.adminkit.base import tell_problems
from csplatform.kit.errors import DomainError
from csplatform.snapshots.views import staff_page
from journeys.models import PlaybookRun, Task
from journeys.playbooks.operations.change import hand_over
from journeys.playbooks.operations.close import close_tasks
from journeys.playbooks.operations.runs import assign_playbook, stop_runs
from journeys.playbooks.subjects import Subject

# Where a button leads back to: (page name, id, place on the page).
Back = tuple[str, int | None, str]
MAX_ID = 2**63 - 1


def back_to(view: Callable[..., Back]) -> Callable[..., HttpResponse]:
    """Redirect to where the view says; what went wrong is told there."""

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        page, pk, place = view(request, *args, **kwargs)
        return HttpResponseRedirect(f"{reverse(page, args=[pk])}#{place}")

    return answered


def _try(request: HttpRequest, do: Callable[[], str]) -> None:
    try:
        said = do()
    except DomainError as error:
        tell_problems(request, error)
    else:
        messages.success(request, said)


@staff_page("journeys.change_task")
@require_POST
@back_to
def close(request: HttpRequest, pk: int) -> Back:
    """Close a task from the page of its company or person."""
    task = Task.objects.filter(pk=min(pk, MAX_ID)).first()
    if task is None:
        raise Http404("There is no such task.")

    def do() -> str:
        outcome = request.POST.get("outcome", "")
        done = close_tasks([task.pk], outcome=outcome, actor=request.user)
        return f"Done: {task}." if done.ids else "Somebody else had closed it already."

    _try(request, do)
    if task.person_id and (request.POST.get("back") == "person" or not task.company_id):
        return "person-snapshot", task.person_id, "journeys.person_tasks"
    return "company-snapshot", task.company_id, "journeys.company_tasks"


@staff_page("journeys.change_task")
@require_POST
@back_to
def take_over(request: HttpRequest, pk: int) -> Back:
    """The open tasks of the former CSM of a company go to its CSM."""
    former = request.POST.get("from", "")

    def do() -> str:
        from_user = int(former) if former.isdecimal() and len(former) < 19 else 0
        counts = hand_over([min(pk, MAX_ID)], from_user=from_user, actor=request.user)
        return f"{sum(counts.values())} open tasks handed over."

    _try(request, do)
    return "company-snapshot", pk, "journeys.company_tasks"


@staff_page("journeys.add_playbookrun")
@require_POST
@back_to
def assign(request: HttpRequest, subject: str, pk: int) -> Back:
    """Start a playbook for a company or person."""
    if subject not in ("company", "person"):
        raise Http404("There is no such page.")
    book = request.POST.get("playbook", "")

    def do() -> str:
        playbook_id = int(book) if book.isdecimal() and len(book) < 19 else 0
        whom = Subject(**{f"{subject}_id": min(pk, MAX_ID)})
        (run,) = assign_playbook(playbook_id, [whom], actor=request.user)
        return "The playbook started." if run.new else "It is under way already."

    _try(request, do)
    return f"{subject}-snapshot", pk, f"journeys.{subject}_playbooks"


@staff_page("journeys.change_playbookrun")
@require_POST
@back_to
def stop(request: HttpRequest, pk: int) -> Back:
    """Stop a run; with `close` its open tasks are closed as well."""
    run = PlaybookRun.objects.filter(pk=min(pk, MAX_ID)).first()
    if run is None:
        raise Http404("There is no such run.")

    def do() -> str:
        closes = bool(request.POST.get("close"))
        stopped = stop_runs([run.pk], close=closes, actor=request.user)
        return "The playbook was stopped." if stopped else "It had ended already."

    _try(request, do)
    subject = "person" if run.person_id else "company"
    return f"{subject}-snapshot", run.person_id or run.company_id, f"journeys.{subject}_playbooks"
