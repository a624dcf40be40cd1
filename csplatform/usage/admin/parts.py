"""The usage tree on one page, and a form per part."""

from typing import Any
from urllib.parse import quote

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.widgets import UnfoldAdminTextInputWidget

from csplatform.adminkit.base import ModelAdmin, tell_problems
from csplatform.customers.models import EventName
from csplatform.kit.errors import DomainError
from csplatform.usage.admin.demands import DemandsField
from csplatform.usage.admin.figures import recent_use
from csplatform.usage.hooks import users_of
from csplatform.usage.models import BELOW, Level, Product, UsagePart
from csplatform.usage.operations.tree import PartInput, delete_part, move_part, save_part
from csplatform.usage.tree import Branch, load_tree

ADOPTION = ("adopted_measure", "adopted_count", "adopted_days")


class PartForm(forms.ModelForm):
    """A part; a feature names its event."""

    where = DemandsField()

    class Meta:
        model = UsagePart
        fields = ("label", "name", "event", "where", *ADOPTION)
        help_texts = {
            "event": "The event that is its use; choose one that came in, or type one to come.",
            "adopted_measure": "Rules may then ask whether somebody has adopted it.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "event" in self.fields:
            known = EventName.objects.order_by("name").values_list("name", flat=True)[:500]
            self.fields["event"].widget = UnfoldAdminTextInputWidget(attrs={"list": "event-names"})
            self.event_names = list(known)


@admin.register(UsagePart)
class UsagePartAdmin(ModelAdmin):
    """Products, modules and features, and what counts as their use."""

    form = PartForm
    icon = "account_tree"
    search_fields: tuple[str, ...] = ("label", "path", "event")
    change_form_after_template = "usage/event_names.html"

    class Media:
        css = {"all": ["usage/tree.css"]}

    # --- the tree -------------------------------------------------------------------------------

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """All of it; moving happens here."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        if request.method == "POST":
            return self._act(request)
        term = request.GET.get("q", "").strip()[:100]
        tree = load_tree()
        shown = [found for top in tree if (found := _matching(top, term.lower()))]
        use = recent_use(tree)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Usage tree",
            "rows": [_row(branch, use, depth) for top in shown for branch, depth in _deep(top, 0)],
            "search": term,
            "is_empty": not tree,
            "can_add": self.has_add_permission(request),
            "can_change": self.has_change_permission(request),
            "can_delete": self.has_delete_permission(request),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "usage/tree.html", context)

    def _act(self, request: HttpRequest) -> HttpResponse:
        part_id = request.POST.get("part", "")
        back = HttpResponseRedirect(request.get_full_path())
        if not part_id.isdigit() or len(part_id) > 18:
            return back
        try:
            step = -1 if request.POST.get("do") == "up" else 1
            move_part(int(part_id), step, actor=request.user)
        except DomainError as error:
            tell_problems(request, error)
        return back

    # --- one part -------------------------------------------------------------------------------

    def _level(self, request: HttpRequest, obj: UsagePart | None) -> tuple[str, UsagePart | None]:
        """The level of a part that exists or is being added, and what stands above it."""
        if obj is not None:
            return obj.level, obj.parent
        given = request.GET.get("parent", "")
        parent = UsagePart.objects.filter(path=given).first() if given else None
        if parent is None or parent.level not in BELOW:
            return Level.PRODUCT, None
        return BELOW[Level(parent.level)], parent

    def get_fieldsets(self, request: HttpRequest, obj: UsagePart | None = None) -> list[Any]:
        """Only features have an event."""
        level, parent = self._level(request, obj)
        own: list[Any] = [("label", "name")]
        above = f" of “{parent}”" if parent else ""
        parts = [(f"{Level(level).label}{above}", {"fields": own})]
        if level == Level.FEATURE:
            parts.append(("What counts as its use", {"fields": ["event", "where"]}))
        parts.append(("When it counts as adopted", {"fields": [ADOPTION[0], ADOPTION[1:]]}))
        return parts

    def get_readonly_fields(
        self, request: HttpRequest, obj: UsagePart | None = None
    ) -> tuple[str, ...]:
        """Rules know the key."""
        return ("name",) if obj else ()

    def render_change_form(self, request: HttpRequest, context: Any, **kwargs: Any) -> Any:
        """Suggest events that came in; say who uses the part."""
        form = context["adminform"].form
        context["event_names"] = getattr(form, "event_names", [])
        obj = kwargs.get("obj")
        if obj and request.method == "GET" and (users := users_of([obj.path])):
            messages.info(request, f"Used by {', '.join(users[:5])}; they follow every change.")
        return super().render_change_form(request, context, **kwargs)

    def save_model(
        self, request: HttpRequest, obj: UsagePart, form: forms.ModelForm, change: bool
    ) -> None:
        """Through the operation."""
        given = form.cleaned_data
        _, parent = self._level(request, obj if change else None)
        saved = save_part(
            PartInput(
                obj.name if change else given["name"],
                given["label"],
                parent.path if parent else "",
                given.get("event", ""),
                given.get("where", ()),
                given["adopted_measure"],
                given["adopted_count"],
                given["adopted_days"],
            ),
            actor=request.user,
            part_id=obj.pk if change else None,
        )
        obj.__dict__.update(saved.__dict__)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        """A used part stays, with the reason."""
        try:
            return super().delete_view(request, object_id, extra_context)
        except DomainError as error:
            tell_problems(request, error)
            return HttpResponseRedirect(reverse("admin:usage_usagepart_changelist"))

    def delete_model(self, request: HttpRequest, obj: UsagePart) -> None:
        """Through the operation, which refuses a used one."""
        delete_part(obj.pk, actor=request.user)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """The tree has its own buttons."""
        return {}


@admin.register(Product)
class ProductAdmin(UsagePartAdmin):
    """Products as a list, for exports; the tree is where one works."""

    list_display = ("label", "name")
    search_fields = ("label", "name")

    changelist_view = ModelAdmin.changelist_view
    get_actions = ModelAdmin.get_actions

    def response_post_save_change(self, request: HttpRequest, obj: UsagePart) -> HttpResponse:
        """Back to the tree."""
        return HttpResponseRedirect(reverse("admin:usage_usagepart_changelist"))


def _matching(branch: Branch, term: str) -> Branch | None:
    """A branch with what of it has the term in label, path or event."""
    own = term in f"{branch.part.label} {branch.part.path} {branch.part.event}".lower()
    below = [found for item in branch.below if (found := _matching(item, "" if own else term))]
    return Branch(branch.part, branch.title, below) if own or below else None


def _deep(branch: Branch, depth: int) -> list[tuple[Branch, int]]:
    return [(branch, depth)] + [pair for item in branch.below for pair in _deep(item, depth + 1)]


def _row(branch: Branch, use: dict[str, int] | None, depth: int) -> dict[str, Any]:
    """What the page shows of a part."""
    part = branch.part
    times = None if use is None else use.get(part.path, 0)
    add = reverse("admin:usage_usagepart_add")
    events = reverse("admin:customers_event_changelist")
    below = BELOW.get(Level(part.level))
    model = "usagepart" if depth else "product"  # a product's page has its export
    return {
        "part": part,
        "depth": depth,
        "adopted": _adopted_words(branch),
        "where": " and ".join(demand.words() for item in branch.named for demand in item.where)
        if part.event
        else "",
        "times": times,
        "events_url": f"{events}?name={quote(part.event)}" if part.event else "",
        "change_url": reverse(f"admin:usage_{model}_change", args=[part.pk]),
        "add_url": f"{add}?parent={part.path}" if below else "",
        "add_label": f"Add a {Level(below).label.lower()}" if below else "",
        "below": sum(1 for _ in branch.walk()) - 1,
    }


def _adopted_words(branch: Branch) -> str:
    part = branch.part
    if not branch.threshold:
        return ""
    measure, count = part.get_adopted_measure_display(), part.adopted_count or 0
    often = "once" if (count, measure) == (1, "times") else f"{count:,} {measure}"
    return f"{often} in {part.adopted_days:,} days"
