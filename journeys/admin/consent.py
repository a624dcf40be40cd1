"""Mail categories, who unsubscribed, and suppressed addresses in the admin (PRG-91)."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminTextInputWidget

from csplatform.adminkit.base import ModelAdmin, ReadOnlyAdmin, tell_problems
from csplatform.adminkit.templatetags.console import when
from csplatform.customers.models import Person
from csplatform.kit.errors import DomainError
from journeys.admin.door import need
from journeys.consent.operations import (
    EVERYTHING,
    delete_category,
    lift_suppressions,
    save_category,
    set_preferences,
    suppress_address,
)
from journeys.models import MailCategory, MailOptOut, MailTrouble
from journeys.models.consent import ConsentSource


@admin.register(MailCategory)
class MailCategoryAdmin(ModelAdmin):
    """What mails are about."""

    icon = "label"
    list_display = ["name", "description", "kind", "templates_shown", "out_shown"]
    list_filter = ["is_operational"]
    search_fields = ["name", "description"]
    ordering = ["name"]
    fields = ["name", "description", "is_operational"]
    empty_title = "No mail categories yet"
    empty_text = (
        "With categories such as “Product tips” and “News” people choose what they get, instead of "
        "leaving everything. Give each mail template one."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[MailCategory]:
        """With the numbers of templates and of those who left."""
        counts = {
            "template_count": Count("templates", distinct=True),
            "out_count": Count("opt_outs", distinct=True),
        }
        return super().get_queryset(request).annotate(**counts)

    @admin.display(description="Kind", ordering="is_operational")
    def kind(self, row: MailCategory) -> str:
        """Operational ones cannot be left."""
        return "Operational" if row.is_operational else "By choice"

    @admin.display(description="Templates", ordering="template_count")
    def templates_shown(self, row: Any) -> str | SafeString:
        """How many, leading to them."""
        url = reverse("admin:journeys_emailtemplate_changelist")
        return _link(f"{url}?category__id__exact={row.pk}", row.template_count)

    @admin.display(description="Unsubscribed", ordering="out_count")
    def out_shown(self, row: Any) -> str | SafeString:
        """How many, leading to them."""
        url = reverse("admin:journeys_mailoptout_changelist")
        return _link(f"{url}?category__id__exact={row.pk}", row.out_count)

    def save_model(
        self, request: HttpRequest, obj: MailCategory, form: ModelForm, change: bool
    ) -> None:
        """Through the operation."""
        saved = save_category(
            obj.name, description=obj.description, is_operational=obj.is_operational,
            actor=request.user, category_id=obj.pk if change else None,
        )  # fmt: skip
        obj.pk = saved.pk

    def delete_model(self, request: HttpRequest, obj: MailCategory) -> None:
        """Through the operation."""
        delete_category(obj.pk, actor=request.user)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[MailCategory]) -> None:
        """Each through the operation."""
        for row in queryset:
            delete_category(row.pk, actor=request.user)


def _link(url: str, count: int) -> str | SafeString:
    return format_html('<a class="cs-link" href="{}">{}</a>', url, f"{count:,}") if count else "–"


@admin.register(MailOptOut)
class MailOptOutAdmin(ReadOnlyAdmin):
    """Who unsubscribed from what; a person's wishes have a page of their own."""

    icon = "unsubscribe"
    list_display = ["who", "what", "source", "when_"]
    list_display_links = None
    list_filter = [("category", RelatedDropdownFilter), ("source", ChoicesDropdownFilter)]
    search_fields = ["person__name__istartswith", "person__email__istartswith"]
    list_select_related = ["person", "category"]
    ordering = ["-at", "-id"]
    empty_title = "Nobody has unsubscribed"
    empty_text = (
        "Who uses the link at the end of a mail, or the mail program's button, stands here."
    )

    @admin.display(description="Person")
    def who(self, row: MailOptOut) -> SafeString:
        """Leading to the wishes."""
        url = reverse("admin:journeys_mailoptout_person", args=[row.person_id])
        return format_html(
            '<a class="cs-link" href="{}">{}</a><br><span class="text-xs">{}</span>',
            url, row.person, row.person.email or "",
        )  # fmt: skip

    @admin.display(description="Unsubscribed from", ordering="category__name")
    def what(self, row: MailOptOut) -> str:
        """A category or everything."""
        return str(row.category) if row.category else "Everything"

    @admin.display(description="When", ordering="at")
    def when_(self, row: MailOptOut) -> str:
        """How long ago."""
        return when(row.at)

    def get_urls(self) -> list[URLPattern]:
        """The page of a person's wishes."""
        own = path(
            "person/<int:person_id>/",
            self.admin_site.admin_view(self.person_page),
            name="journeys_mailoptout_person",
        )
        return [own, *super().get_urls()]

    def person_page(self, request: HttpRequest, person_id: int) -> HttpResponse:
        """What a person wants, set by hand: they said so by phone or in a conversation."""
        need(request, "journeys.view_mailoptout")
        person = Person.objects.filter(pk=person_id, merged_into=None, erased_at=None).first()
        if person is None:
            raise Http404
        rows = list(MailCategory.objects.filter(is_operational=False))
        if request.method == "POST":
            need(request, "journeys.change_mailoptout")
            wanted = {int(text) for text in request.POST.getlist("want") if text.isdecimal()}
            out_of: set[int | None] = {row.pk for row in rows if row.pk not in wanted}
            out_of |= {EVERYTHING} if "everything" in request.POST else set()
            try:
                set_preferences(person_id, out_of, actor=request.user, source=ConsentSource.STAFF)
                messages.success(request, "Saved.")
            except DomainError as error:
                tell_problems(request, error)
            return HttpResponseRedirect(request.get_full_path())
        had = set(MailOptOut.objects.filter(person=person).values_list("category_id", flat=True))
        context = {
            **self.admin_site.each_context(request),
            "title": f"Mail preferences of {person}",
            "opts": self.opts,
            "person": person,
            "choices": [{"row": row, "on": row.pk not in had} for row in rows],
            "everything": EVERYTHING in had,
            "may_change": request.user.has_perm("journeys.change_mailoptout"),
        }
        return TemplateResponse(request, "admin/journeys/mailoptout/person.html", context)


class TroubleForm(forms.ModelForm):
    """An address to suppress."""

    class Meta:
        model = MailTrouble
        fields = ["address", "detail"]
        widgets = {"address": UnfoldAdminEmailInputWidget, "detail": UnfoldAdminTextInputWidget}
        labels = {"detail": "Why"}
        help_texts = {"address": "Nobody with this address gets any mail from here."}

    def clean(self) -> dict[str, Any]:
        """Adding an address twice is not an error: it stays suppressed."""
        self._validate_unique = False
        return self.cleaned_data


@admin.register(MailTrouble)
class MailTroubleAdmin(ModelAdmin):
    """Addresses that are not written to, and those on the way there."""

    icon = "block"
    form = TroubleForm
    list_display = ["address", "state", "detail", "soft_bounces", "last"]
    list_display_links = None
    list_filter = [("reason", ChoicesDropdownFilter)]
    search_fields = ["address__istartswith"]
    ordering = ["-last_at", "-id"]
    actions = ["lift_selected"]
    empty_title = "No suppressed addresses"
    empty_text = (
        "Addresses that mail servers refuse for good, that bounced five times within a month or "
        "whose owners complained come here by themselves. Add others with “+”."
    )

    @admin.display(description="State", ordering="blocked_at")
    def state(self, row: MailTrouble) -> str:
        """Suppressed, or how far from it."""
        return row.get_reason_display() if row.blocked_at else "Written to still"

    @admin.display(description="Last trouble", ordering="last_at")
    def last(self, row: MailTrouble) -> str:
        """How long ago."""
        return when(row.last_at)

    @admin.action(description="Write to the selected addresses again", permissions=["delete"])
    def lift_selected(self, request: HttpRequest, queryset: QuerySet[MailTrouble]) -> None:
        """Forget the trouble; the next bounce suppresses them again."""
        count = lift_suppressions(queryset.values_list("pk", flat=True), actor=request.user)
        messages.success(request, f"{count:,} addresses are written to again.")

    def save_model(
        self, request: HttpRequest, obj: MailTrouble, form: ModelForm, change: bool
    ) -> None:
        """Through the operation."""
        saved = suppress_address(obj.address, detail=obj.detail, actor=request.user)
        obj.__dict__.update(saved.__dict__)

    def has_change_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        """They are added and lifted."""
        return False

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Lifting says what it means."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions
