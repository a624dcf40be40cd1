"""Pages below a segment: its members, and who came and went."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from csplatform.adminkit.base import tell_problems
from csplatform.adminkit.paging import EstimatingPaginator
from csplatform.customers.models import Company, Person
from csplatform.customers.search import matching
from csplatform.freshness.touches import EVERYTHING
from csplatform.kit.clock import now
from csplatform.kit.errors import DomainError
from csplatform.segments.admin.forms import ChangesForm, PasteForm
from csplatform.segments.evolution import DAYS, drawing, evolution
from csplatform.segments.lookup import find_pasted
from csplatform.segments.models import Kind, Member, MemberChange, Segment
from csplatform.segments.operations.membership import add_members, remove_members
from csplatform.segments.progress import progress

PAGE = 50


def load(
    request: HttpRequest, object_id: str, permission: str = "segments.view_segment"
) -> Segment:
    """The segment of a URL; 403 without the permission, 404 when it is gone."""
    user: Any = request.user
    if not user.has_perm(permission):
        raise PermissionDenied
    found = None
    if object_id.isdigit() and len(object_id) < 19:
        found = Segment.objects.filter(pk=object_id).first()
    if found is None:
        raise Http404("There is no such segment (any more).")
    return found


def frame(model_admin: Any, request: HttpRequest, segment: Segment, **more: Any) -> dict[str, Any]:
    """Context of a page below a segment: sidebar, tabs, title."""
    request.current_app = model_admin.admin_site.name  # type: ignore[attr-defined]
    user: Any = request.user
    return {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "model_admin": model_admin,
        "original": segment,
        "segment": segment,
        "title": segment.name,
        "progress": progress(segment),
        "is_static": segment.kind == Kind.STATIC,
        "can_change": user.has_perm("segments.change_segment"),
        **more,
    }


def _living(segment: Segment, search: str) -> QuerySet[Any]:
    """The members as rows of people or companies, newest first; found by how they begin."""
    model: Any = Person if segment.subject == "person" else Company
    inside = Member.objects.filter(segment=segment, subject_id=OuterRef("pk"))
    rows = model.objects.filter(Exists(inside)).order_by("-pk")
    term = search.strip().lower()
    if not term:
        return rows
    for sign in ("\\", "%", "_"):
        term = term.replace(sign, "\\" + sign)
    columns = ("name", "email") if segment.subject == "person" else ("name",)
    where = " OR ".join(f"lower({column}) LIKE %s" for column in columns)
    return rows.extra(where=[f"({where})"], params=[f"{term}%"] * len(columns))  # noqa: S610


def members_page(model_admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
    """Who is in it; for static lists also adding and removing."""
    segment = load(request, object_id)
    if request.method == "POST":
        return _change_members(request, load(request, object_id, "segments.change_segment"))
    search = request.GET.get("q", "").replace("\x00", "")[:200]
    pages = EstimatingPaginator(_living(segment, search), PAGE)
    page = pages.get_page(request.GET.get("page"))
    ids = [row.pk for row in page]
    since = dict(
        Member.objects.filter(segment=segment, subject_id__in=ids).values_list(
            "subject_id", "since"
        )
    )
    rows = [(row, since.get(row.pk), page_of(segment.subject, row.pk)) for row in page]
    context = frame(
        model_admin, request, segment, page=page, rows=rows, search=search, paste=PasteForm()
    )
    return render(request, "segments/members.html", context)


def page_of(subject: str, id_: int) -> str:
    """The snapshot page of a person or company."""
    return f"/{'people' if subject == 'person' else 'companies'}/{id_}/"


def _change_members(request: HttpRequest, segment: Segment) -> HttpResponse:
    """Add what was pasted, or remove what was ticked."""
    back = HttpResponseRedirect(reverse("admin:segments_segment_members", args=[segment.pk]))
    try:
        if request.POST.get("do") == "remove":
            ids = [int(i) for i in request.POST.getlist("id") if i.isdigit() and len(i) < 19]
            count = remove_members(segment.pk, ids, actor=request.user)
            messages.success(request, f"{count:,} taken off the list.")
            return back
        form = PasteForm(request.POST, request.FILES)
        if not form.is_valid():
            for error in form.errors.values():
                messages.error(request, " ".join(map(str, error)))
            return back
        found = find_pasted(segment.subject, form.cleaned_data["all_keys"])
        count = add_members(segment.pk, found.ids, actor=request.user)
    except DomainError as error:
        tell_problems(request, error)
        return back
    messages.success(request, f"{count:,} added; {len(found.ids) - count:,} were on it already.")
    if found.unknown:
        shown = ", ".join(found.unknown[:10])
        more = f" and {len(found.unknown) - 10:,} more" if len(found.unknown) > 10 else ""
        messages.warning(request, f"Not found: {shown}{more}.")
    if found.left_off:
        messages.warning(request, f"{found.left_off:,} lines were too many; paste them apart.")
    return back


def changes_page(model_admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
    """The chart, and who came and went last."""
    segment = load(request, object_id)
    form = ChangesForm(request.GET)
    asked = form.cleaned_data if form.is_valid() else {}
    span = int(asked.get("days") or DAYS)
    days = evolution(segment, now(), span)
    newest = _changes(segment, asked).order_by("-occurred_at", "-id")
    page = EstimatingPaginator(newest, PAGE).get_page(request.GET.get("page"))
    model: Any = Person if segment.subject == "person" else Company
    names = {row.pk: str(row) for row in model.objects.filter(pk__in={c.subject_id for c in page})}
    rows = [
        {
            "change": change,
            "name": names.get(change.subject_id, f"#{change.subject_id}"),
            "url": page_of(segment.subject, change.subject_id),
            "why": why_words(change.cause),
        }
        for change in page
    ]
    context = frame(
        model_admin, request, segment, page=page, rows=rows, chart=drawing(days), form=form,
        days=span, filtered=any(value for name, value in asked.items() if name != "days"),
        kept=_kept(request),
        entered=sum(day.entered for day in days), left=sum(day.left for day in days),
    )  # fmt: skip
    return render(request, "segments/changes.html", context)


def _changes(segment: Segment, asked: dict[str, Any]) -> QuerySet[MemberChange]:
    """Those that the filters leave."""
    rows = MemberChange.objects.filter(segment=segment)
    if asked.get("what"):
        rows = rows.filter(entered=asked["what"] == "entered")
    if asked.get("why"):
        rows = rows.filter(cause__kind=asked["why"])
    if asked.get("since"):
        rows = rows.filter(occurred_at__date__gte=asked["since"])
    if asked.get("until"):
        rows = rows.filter(occurred_at__date__lte=asked["until"])
    if asked.get("q"):
        model: Any = Person if segment.subject == "person" else Company
        found = matching(segment.subject, model.objects.all(), asked["q"])
        rows = rows.filter(subject_id__in=[row.pk for row in found[:1000]])
    return rows


def _kept(request: HttpRequest) -> str:
    """The filters for the links to other pages."""
    query = request.GET.copy()
    query.pop("page", None)
    return query.urlencode()


def why_words(cause: dict[str, Any]) -> str:
    """A change's cause in words."""
    kind = cause.get("kind")
    if kind == "list":
        return f"by hand ({cause.get('by', 'somebody')})"
    if kind == "change":
        if EVERYTHING in cause.get("keys", []):
            return "a new or merged record"
        keys = ", ".join(_fact(key) for key in cause.get("keys", [])[:3])
        return f"a change of {keys}" if keys else "a change"
    if kind == "recompute":
        return "the rule was computed"
    return {"time": "time alone", "merge": "merged", "clone": "copied with the list"}.get(
        str(kind), ""
    )


def _fact(key: str) -> str:
    """A fact key in words."""
    group, _, name = key.partition(".")
    return {"attr": name, "event": f"event “{name}”", "membership": "company"}.get(group, group)
