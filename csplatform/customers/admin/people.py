"""People in the admin."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import AutocompleteSelectFilter, TextFilter
from unfold.decorators import action, display

from csplatform.adminkit.export import ExportColumn
from csplatform.adminkit.templatetags.console import when
from csplatform.customers.admin.subject import SubjectAdmin, seen
from csplatform.customers.columns import COLUMNS
from csplatform.customers.models import ExternalId, Membership, Person
from csplatform.customers.operations.attributes import patch_attributes
from csplatform.customers.operations.erase import erase_person
from csplatform.customers.operations.memberships import set_memberships
from csplatform.customers.operations.people import PersonInput, upsert_people
from csplatform.kit.clock import now
from csplatform.kit.errors import Conflict, DomainError

ERASING = (
    "Name, addresses, ids, attributes and what their events and mails said are emptied, and they"
    " leave every company and segment. Programs end for them, and mail that has not left is"
    " cancelled. Numbers stay: what was sent and done still counts, for nobody in particular. This"
    " cannot be undone."
)


class SeenFilter(admin.SimpleListFilter):
    """When somebody was last seen in the product."""

    title = "last seen"
    parameter_name = "seen"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """Windows that a CSM asks for."""
        return [
            ("1", "In the last day"),
            ("7", "In the last 7 days"),
            ("30", "In the last 30 days"),
            ("not30", "Not in the last 30 days"),
            ("never", "Never"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Person]) -> QuerySet[Person]:
        """People of the chosen window."""
        value = self.value()
        if value == "never":
            return queryset.filter(activity=None)
        if value == "not30":
            return queryset.filter(activity__last_seen_at__lt=now() - timedelta(days=30))
        if value in ("1", "7", "30"):
            return queryset.filter(activity__last_seen_at__gte=now() - timedelta(days=int(value)))
        return queryset


class PersonaFilter(TextFilter):
    """People of a persona."""

    title = "persona"
    parameter_name = "persona"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Person]) -> QuerySet[Person]:
        """Those of exactly this persona, in any letter case."""
        return queryset.filter(persona__iexact=self.value()) if self.value() else queryset


class MembershipForm(forms.ModelForm):
    """Labels and hints."""

    class Meta:
        model = Membership
        fields = ("company", "is_primary")
        labels = {"is_primary": "Primary"}
        help_texts = {"is_primary": "Events, tokens and the CSM go by the primary company."}


class MembershipInline(TabularInline):
    """Where a person works."""

    model = Membership
    form = MembershipForm
    hide_title = True
    fields = ("company", "is_primary")
    autocomplete_fields = ("company",)
    extra = 0
    verbose_name = "company"
    verbose_name_plural = "companies"


class ExternalIdInline(TabularInline):
    """How a person is known elsewhere."""

    model = ExternalId
    hide_title = True
    fields = ("kind", "value")
    extra = 0
    verbose_name = "external id"


@admin.register(Person)
class PersonAdmin(SubjectAdmin):
    """The customers' people."""

    subject = "person"
    icon = "person"
    more_columns = (
        ExportColumn("User id", lambda row: row.user_id),
        ExportColumn("Company: external id", lambda row: primary_of(row, "external_id")),
        ExportColumn("Company", lambda row: primary_of(row, "name")),
        ExportColumn("Last seen", lambda row: seen(row)),
    )
    actions_detail = ("erase",)
    inlines = (MembershipInline, ExternalIdInline)
    list_display = ("who", "role", "company", "csm", "last_seen")
    list_filter = (
        ("memberships__company", AutocompleteSelectFilter),
        SeenFilter,
        PersonaFilter,
        "memberships__company__stage",
    )
    search_fields = ("name",)
    search_help_text = "Start of the name or address, or an external id"
    ordering = ("name", "id")
    sortable_by = ("who",)
    empty_title = "No people yet"
    empty_text = (
        "People arrive by the tracker's identify call and by the API,"
        " or you add the first one by hand."
    )
    fieldsets = (
        (None, {"fields": ("email", "name", ("role", "persona"), ("language", "time_zone"))}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Person]:
        """With what the list shows, in a constant number of queries."""
        primary = Membership.objects.filter(is_primary=True).select_related("company__csm")
        return (
            super()
            .get_queryset(request)
            .filter(erased_at=None)
            .select_related("activity")
            .prefetch_related(Prefetch("memberships", queryset=primary, to_attr="primary"))
        )

    def complete(self, rows: list[Any]) -> None:
        """The ids by which the people of a page are known in the product."""
        known = ExternalId.objects.filter(person__in=rows, kind="user_id").order_by("-pk")
        ids = dict(known.values_list("person_id", "value"))
        for person in rows:
            person.user_id = ids.get(person.pk, "")

    @display(description="Person", header=True, ordering="name")
    def who(self, person: Person) -> list[str]:
        """Name, address and initials."""
        name = str(person)
        initials = "".join(part[0] for part in name.split()[:2]).upper()
        return [name, person.email or "" if person.name else "", initials]

    @display(description="Company")
    def company(self, person: Any) -> str:
        """The primary one, leading to its page."""
        for link in person.primary:
            page = reverse("company-snapshot", args=[link.company_id])
            return format_html('<a class="cs-link" href="{}">{}</a>', page, link.company)
        return "–"

    @display(description="CSM")
    def csm(self, person: Any) -> str:
        """Of the primary company."""
        return next((str(link.company.csm) for link in person.primary if link.company.csm), "–")

    @display(description="Last seen")
    def last_seen(self, person: Person) -> str:
        """The last event."""
        return when(person.activity.last_seen_at if hasattr(person, "activity") else None)

    def save_model(
        self, request: HttpRequest, obj: Person, form: forms.ModelForm, change: bool
    ) -> None:
        """Write through the operations, so that history and touches come along."""
        values = self.stated(form, COLUMNS["person"], change)
        if change:
            patch_attributes("person", {obj.pk: values}, actor=request.user)
        else:
            obj.pk = _add(values, request)
        obj.refresh_from_db()

    def save_formset(
        self, request: HttpRequest, form: forms.ModelForm, formset: Any, change: bool
    ) -> None:
        """Companies go through their operation; other ids are plain rows."""
        if formset.model is Membership:
            _save_memberships(form.instance.pk, formset, request)
        else:
            formset.save()

    @action(
        description="Erase this person", icon="person_remove",
        permissions=["customers.erase_person"],
    )  # fmt: skip
    def erase(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say what goes and what stays, then erase."""
        person = self.get_object(request, object_id)
        back = reverse("admin:customers_person_changelist")
        if person is None:
            return HttpResponseRedirect(back)
        if request.method == "POST":
            erase_person(person.pk, actor=request.user)
            messages.success(request, f"Person {person.pk} was erased.")
            return HttpResponseRedirect(back)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Erase {person}?",
            "text": ERASING,
            "button": "Erase for good",
            "final": True,
            "back": reverse("admin:customers_person_change", args=[person.pk]),
            "opts": self.opts,
        }
        return TemplateResponse(request, "adminkit/confirm.html", context)

    def has_delete_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        """People are erased or merged, never simply deleted."""
        return False


def _add(values: dict[str, Any], request: HttpRequest) -> int:
    """A new person; one who is known already is not overwritten."""
    email = values.pop("email", None)
    if not email:
        raise DomainError("An address is needed to tell people apart.", path="/email")
    result = upsert_people([PersonInput(email=email, attributes=values)], actor=request.user)[0]
    if not result.created:
        raise Conflict("Somebody with this address is here already.", path="/email")
    return result.id


def _save_memberships(person_id: int, formset: Any, request: HttpRequest) -> None:
    """What the rows of the form say, as one set."""
    # What Django's log of the change reads.
    formset.new_objects, formset.changed_objects, formset.deleted_objects = [], [], []
    if not formset.has_changed():
        return
    rows = [
        row.cleaned_data
        for row in formset.forms
        if row.cleaned_data.get("company") and not row.cleaned_data.get("DELETE")
    ]
    primary = [row["company"].pk for row in rows if row.get("is_primary")]
    if len(primary) > 1:
        raise DomainError("Choose one primary company.", path="/companies")
    set_memberships(
        person_id,
        [row["company"].pk for row in rows],
        primary_id=primary[0] if primary else None,
        actor=request.user,
    )


def primary_of(person: Any, name: str) -> Any:
    """A value of the primary company; "" without one."""
    return next((getattr(link.company, name) for link in person.primary), "")
