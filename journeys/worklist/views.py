"""The pages of the work list; writing goes through journeys.playbooks.operations."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from csplatform.accounts.models import User
from csplatform.customers.models import Company, Person
from csplatform.customers.search import matching
from csplatform.kit.clock import now
from csplatform.kit.errors import DomainError
from csplatform.snapshots.views import staff_page
from journeys.models import Program, Task, TaskType
from journeys.playbooks.choices import active_staff
from journeys.worklist.acting import act_on
from journeys.worklist.forms import TaskForm
from journeys.worklist.lists import DUE, PRIORITIES, WHOSE, Filters, work_list

VIEW, ADD, CHANGE = "journeys.view_task", "journeys.add_task", "journeys.change_task"
MAX_ID = 2**63 - 1
FOUND = 8


def problems_as_json(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A domain error becomes an answer that the page can show."""

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except DomainError as error:
            told = [{"path": p.path, "message": p.message} for p in error.problems]
            return JsonResponse({"problems": told}, status=error.status)

    return answered


@staff_page(VIEW)
@require_GET
def work_page(request: HttpRequest) -> HttpResponse:
    """The work list of whoever is signed in."""
    filters = Filters.read(request.GET.dict())
    context = {
        **admin.site.each_context(request),
        "title": "Work list",
        "filters": filters,
        "whose": WHOSE,
        "due": DUE,
        "types": TaskType.objects.all(),
        "priorities": PRIORITIES,
        "staff": active_staff(),
        "company": Company.objects.filter(pk=filters.company or 0).first(),
        "program": Program.objects.filter(pk=filters.program or 0).first(),
        "may_add": request.user.has_perm(ADD),
        "start": _start(request),
        "is_fullwidth": "1",
        **_list(request, filters),
    }
    return render(request, "work/page.html", context)


def _start(request: HttpRequest) -> str:
    """What the panel shows at once: a new task about ?new=company-7, or the task ?task=9."""
    subject, _, pk = request.GET.get("new", "").partition("-")
    if subject in ("company", "person") and pk.isdecimal() and request.user.has_perm(ADD):
        return f"{reverse('work-new')}?{subject}={int(pk)}"
    task = request.GET.get("task", "")
    return reverse("work-task", args=[int(task)]) if task.isdecimal() and len(task) < 19 else ""


@staff_page(VIEW)
@require_GET
def work_rows(request: HttpRequest) -> HttpResponse:
    """The list alone, as it is now; the address of the page follows."""
    filters = Filters.read(request.GET.dict())
    response = render(request, "work/_list.html", _list(request, filters))
    query = filters.query()
    response["HX-Replace-Url"] = reverse("work") + (f"?{query}" if query else "")
    return response


def _list(request: HttpRequest, filters: Filters) -> dict[str, Any]:
    return {
        "filters": filters,
        "work": work_list(filters, request.user, now()),
        "may_change": request.user.has_perm(CHANGE),
        "more_query": filters.query,
    }


@staff_page(CHANGE)
@require_POST
@problems_as_json
def work_act(request: HttpRequest) -> HttpResponse:
    """Do something with the chosen tasks; the answer says what was done and how to undo it."""
    said, done = act_on(request.POST, request.user, now())
    return JsonResponse({"said": said, "undo": done.undo, "ids": done.ids})


@staff_page(VIEW)
def work_task(request: HttpRequest, pk: int) -> HttpResponse:
    """One task in the side panel: its form, comments and history; POST saves."""
    task = Task.objects.told().filter(pk=min(pk, MAX_ID)).first()
    if task is None:
        raise Http404("There is no such task.")
    form = TaskForm.of(task, request.POST if request.method == "POST" else None)
    saved = request.method == "POST" and form.save(request.user)
    if saved:
        task = Task.objects.told().get(pk=task.pk)
        form = TaskForm.of(task)
    return _panel(request, form, task, saved=saved)


@staff_page(ADD)
def work_new(request: HttpRequest) -> HttpResponse:
    """Add a task in the side panel; GET takes ?company= and ?person= to start with."""
    if request.method == "POST":
        form = TaskForm(request.POST)
        if form.save(request.user):
            return _panel(request, TaskForm.blank(request.user), None, saved=True, said=form.said)
        return _panel(request, form, None)
    given = {name: request.GET[name] for name in ("company", "person") if name in request.GET}
    return _panel(request, TaskForm.blank(request.user, **given), None)


def _panel(
    request: HttpRequest, form: TaskForm, task: Task | None, *, saved: bool = False, said: str = ""
) -> HttpResponse:
    context = {
        "form": form, "task": task, "saved": saved, "said": said,
        "may_change": request.user.has_perm(CHANGE if task else ADD),
        "history": task.changes.select_related("by")[:50] if task else (),
        "people": _people(task) if task else {},
        "staff": active_staff(), "types": TaskType.objects.all(), "priorities": PRIORITIES,
    }  # fmt: skip
    response = render(request, "work/_panel.html", context)
    if saved:
        response["HX-Trigger"] = "work-changed"
    return response


def _people(task: Task) -> dict[int, str]:
    """Names of users that the history mentions."""
    ids = {pair.get("assignee_id") for c in task.changes.all()[:50] for pair in (c.old, c.new)}
    return {user.pk: str(user) for user in User.objects.filter(pk__in=ids - {None})}


@staff_page(VIEW)
@require_GET
def work_subjects(request: HttpRequest) -> HttpResponse:
    """Companies and people whose name begins with ?q=, for the form's search."""
    term = request.GET.get("q", "").strip()[:100]
    found: dict[str, Any] = {"companies": [], "people": [], "term": term}
    if len(term) > 1:
        found["companies"] = list(
            matching("company", Company.objects.filter(merged_into=None), term)[:FOUND]
        )
        people = Person.objects.filter(merged_into=None, erased_at=None)
        found["people"] = list(matching("person", people, term)[:FOUND])
    return render(request, "work/_subjects.html", found)
