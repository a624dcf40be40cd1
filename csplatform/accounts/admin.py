"""Admin pages of staff: users, API keys, the audit trail."""

from typing import Any

from django import forms
from django.apps import apps
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import action, display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from csplatform.accounts.hooks import activity_hooks
from csplatform.accounts.models import ApiKey, AuditEntry, Role, User
from csplatform.accounts.operations import create_api_key, keep_an_admin, revoke_api_key
from csplatform.adminkit.base import ModelAdmin, ReadOnlyAdmin
from csplatform.adminkit.templatetags.console import when
from csplatform.kit import audit

ROLE_COLOURS = {
    Role.ADMIN.label: "danger",
    Role.PROGRAM_MANAGER.label: "primary",
    Role.CSM.label: "success",
    Role.AGENT.label: "info",
}


# The role alone says what somebody may do.
admin.site.unregister(Group)


class NewUserForm(UserCreationForm):
    """Username, role and a first password."""

    class Meta(UserCreationForm.Meta):
        model = User
        fields = ("username", "role")


class UserForm(UserChangeForm):
    """What can change about a user."""

    class Meta(UserChangeForm.Meta):
        model = User
        labels = {"is_active": "Active", "is_staff": "May log in here"}
        help_texts = {
            "is_active": "Somebody who left is made inactive, never deleted: history names them.",
            "is_staff": "",
        }


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):  # type: ignore[misc]
    """Staff who work here. The role decides what each may do."""

    form = UserForm
    add_form = NewUserForm
    change_password_form = AdminPasswordChangeForm
    icon = "badge"
    list_display = ("person", "username", "shown_role", "is_active", "last_login")
    list_filter = ("role", "is_active")
    search_fields = ("username", "first_name", "last_name", "email")
    ordering = ("username",)
    readonly_fields = ("last_login", "date_joined")
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("username", "password", ("first_name", "last_name"), "email")}),
        ("What this user may do", {"fields": ("role", "is_active", "is_staff")}),
        ("More", {"fields": ("time_zone", ("last_login", "date_joined"))}),
    )
    add_fieldsets = (
        (None, {"fields": ("username", "role", "usable_password", "password1", "password2")}),
    )

    @display(description="User", header=True, ordering="first_name")
    def person(self, user: User) -> list[str]:
        """Name and address with initials."""
        name = user.get_full_name() or user.username
        return [name, user.email, "".join(part[0] for part in name.split()[:2]).upper()]

    @display(description="Role", label=ROLE_COLOURS, ordering="role")
    def shown_role(self, user: User) -> str:
        """The role as a coloured label."""
        return user.get_role_display()

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Save; whoever is added here may log in; somebody must stay who manages staff."""
        if not change:
            obj.is_staff = True
        super().save_model(request, obj, form, change)
        if change and "is_active" in form.changed_data:
            for hook in activity_hooks:
                hook(obj.pk)
        keep_an_admin()

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> Any:
        """Set a password; the trail says that it happened and never what it is."""
        response = super().user_change_password(request, id, form_url)
        if request.method == "POST" and response.status_code == 302:
            audit.record(request.user, "user.password", self.get_object(request, id))
        return response

    def has_delete_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        """History names users, so they are deactivated and never deleted."""
        return False


class ApiKeyForm(forms.ModelForm):
    """Scopes as check boxes."""

    scopes = forms.MultipleChoiceField(
        choices=ApiKey.SCOPES,
        initial=["read"],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="The key may do these things, as far as its user may.",
    )

    class Meta:
        model = ApiKey
        fields = ("name", "user", "scopes")


@admin.register(ApiKey)
class ApiKeyAdmin(ModelAdmin):
    """Keys for the REST API. A key is shown once and can only be revoked."""

    form = ApiKeyForm
    icon = "key"
    list_display = ("name", "shown_prefix", "user", "shown_scopes", "last_used_at", "state")
    list_select_related = ("user",)
    list_filter = ("user",)
    search_fields = ("name", "prefix")
    autocomplete_fields = ("user",)
    actions_detail = ("revoke",)
    empty_title = "No API keys yet"
    empty_text = "A key lets a warehouse, a CRM or a script read and write over the REST API."

    @display(description="Key")
    def shown_prefix(self, key: ApiKey) -> str:
        """Enough to tell keys apart."""
        return f"csp_{key.prefix}_…"

    @display(description="May", label=True)
    def shown_scopes(self, key: ApiKey) -> list[str]:
        """Its scopes."""
        return key.scopes

    @display(description="State", label={"active": "success", "revoked": "danger"})
    def state(self, key: ApiKey) -> str:
        """Active or revoked."""
        return "revoked" if key.revoked_at else "active"

    def has_change_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        """What a key may do never changes silently: make a new one."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        """Revoked keys stay for the record."""
        return False

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        """Make the key through its operation; its text lives for this request alone."""
        key, obj.shown_once = create_api_key(  # type: ignore[attr-defined]
            obj.name, scopes=form.cleaned_data["scopes"], user=obj.user, actor=request.user
        )
        obj.pk = key.pk

    def response_add(
        self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None
    ) -> HttpResponse:
        """The one page that ever shows the key."""
        context = {
            **self.admin_site.each_context(request),
            "title": "Your new API key",
            "opts": self.opts,
            "key": obj,
            "text": obj.shown_once,  # type: ignore[attr-defined]
            "address": request.build_absolute_uri("/api/v1/"),
        }
        response = TemplateResponse(request, "admin/accounts/apikey/shown.html", context)
        response["Cache-Control"] = "no-store"
        return response

    @action(description="Revoke this key", icon="block", permissions=["accounts.change_apikey"])
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then end the key at once."""
        key = self.get_object(request, object_id)
        back = reverse("admin:accounts_apikey_changelist")
        if key is None:
            return HttpResponseRedirect(back)
        if request.method == "POST":
            revoke_api_key(key, actor=request.user)
            messages.success(request, f"{key.name} was revoked. Requests with it are refused now.")
            return HttpResponseRedirect(back)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Revoke {key.name}?",
            "text": "Whatever uses this key stops working at once. This cannot be undone.",
            "button": "Revoke the key",
            "back": back,
            "opts": self.opts,
        }
        return TemplateResponse(request, "adminkit/confirm.html", context)


def verb_words(verb: str) -> str:
    """What was done, for reading: "Program: lift quarantine" for "program.lift_quarantine"."""
    thing, _, done = verb.replace("_", " ").partition(".")
    names = {str(model._meta.model_name): str(model._meta.verbose_name)
             for model in apps.get_models()}  # fmt: skip
    thing = names.get(thing, thing)
    thing = thing[:1].upper() + thing[1:]
    return f"{thing}: {done.replace('.', ' ')}" if done else thing


class VerbFilter(admin.SimpleListFilter):
    """What was done."""

    title = "what was done"
    parameter_name = "verb"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Verbs that occur."""
        verbs = AuditEntry.objects.order_by("verb").values_list("verb", flat=True).distinct()
        return [(verb, verb_words(verb)) for verb in verbs]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Entries with the chosen verb."""
        return queryset.filter(verb=self.value()) if self.value() else queryset


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Who changed what, with the values before and after."""

    icon = "history"
    in_palette = False
    list_display = ("when", "who", "what", "on", "changed")
    list_filter = (VerbFilter, ("at", RangeDateTimeFilter), "actor")
    search_fields = ("subject_label", "actor_label")
    search_help_text = "Who, or what it happened to"
    ordering = ("-id",)
    fields = ("when", "who", "what", "on", "values")
    readonly_fields = fields
    empty_title = "Nothing was changed yet"
    empty_text = "Each change of a program, segment, user or setting will stand here."

    @display(description="When", ordering="at")
    def when(self, entry: AuditEntry) -> str:
        """Ago, with the exact time under the mouse."""
        return when(entry.at)

    @display(description="Who", ordering="actor_label")
    def who(self, entry: AuditEntry) -> str:
        """By the name of that day."""
        return entry.actor_label

    @display(description="What", ordering="verb")
    def what(self, entry: AuditEntry) -> str:
        """The verb in words."""
        return verb_words(entry.verb)

    @display(description="On", ordering="subject_label")
    def on(self, entry: AuditEntry) -> str:
        """What it happened to."""
        return entry.subject_label

    @display(description="Changed")
    def changed(self, entry: AuditEntry) -> str:
        """Names of the changed values."""
        names = sorted({*entry.before, *entry.after})
        return ", ".join(names[:4]) + ("…" if len(names) > 4 else "")

    @display(description="Before and after")
    def values(self, entry: AuditEntry) -> SafeString:
        """A table of the values."""
        rows = [
            (name, entry.before.get(name), entry.after.get(name))
            for name in sorted({*entry.before, *entry.after})
        ]
        return render_to_string("admin/accounts/auditentry/values.html", {"rows": rows})
