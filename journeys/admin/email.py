"""Mail templates: list, block editor, live preview, "send to me"."""

from dataclasses import asdict
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Q, QuerySet
from django.forms.models import construct_instance
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET, require_POST
from unfold.contrib.filters.admin import RelatedDropdownFilter

from csplatform.adminkit.base import ModelAdmin
from csplatform.adminkit.block_editor import BlocksWidget
from csplatform.customers.models import Person
from csplatform.kit.errors import DomainError, Problem
from csplatform.kit.merge_tags import Values
from journeys.admin.door import body_of, json_door, need
from journeys.emails.checks import content_problems
from journeys.emails.context import Recipient, load_values
from journeys.emails.operations import send_test
from journeys.emails.render import CONTENT_FIELDS, PlainLinks, compile_content, content_of, render
from journeys.emails.tokens import token_offers
from journeys.emails.usage import ProgramUse, template_usage
from journeys.models import EmailTemplate
from journeys.operations.templates import (
    delete_template,
    input_of,
    programs_using,
    save_template,
)


class EmailTemplateForm(forms.ModelForm):
    """A template's form; says at once what could not be sent."""

    class Meta:
        model = EmailTemplate
        fields = ["name", "subject", "preheader", "category", "sender_name", "reply_to", "blocks"]
        widgets = {"blocks": BlocksWidget(place="mail", tokens=token_offers)}

    def clean(self) -> dict[str, Any]:
        """Tokens, links and blocks, each problem at its field."""
        cleaned = super().clean() or {}
        if not self.errors:
            made = construct_instance(self, self.instance, self._meta.fields)
            for problem in content_problems(content_of(made)):
                field, words = _at_field(problem)
                self.add_error(field, words)
        return cleaned


def _at_field(problem: Problem) -> tuple[str, str]:
    """The form field of a problem, and its words with the block's number."""
    parts = problem.path.strip("/").split("/")
    if parts[0] == "blocks" and len(parts) > 1 and parts[1].isdigit():
        return "blocks", f"Block {int(parts[1]) + 1}: {problem.message}"
    return (parts[0] if parts[0] in CONTENT_FIELDS else "blocks"), problem.message


@admin.register(EmailTemplate)
class EmailTemplateAdmin(ModelAdmin):
    """What programs send."""

    form = EmailTemplateForm
    list_display = ["name", "subject", "category", "used_by", "updated_at"]
    list_filter = [("category", RelatedDropdownFilter)]
    list_select_related = ["category"]
    search_fields = ["name", "subject"]
    ordering = ["name"]
    compressed_fields = False  # labels above: the preview takes the other half
    change_form_template = "admin/journeys/emailtemplate/form.html"
    empty_title = "No mail templates yet"
    empty_text = "Write one; then a “Send email” step of a program can send it."
    fieldsets = [
        (None, {"fields": ["name", "subject", "preheader", "category"]}),
        ("Sender", {"fields": ["sender_name", "reply_to"], "classes": ["collapse"]}),
        ("Content", {"fields": ["blocks"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[EmailTemplate]:
        """The rows; usage is read once per page."""
        self._usage: dict[int, list[ProgramUse]] = template_usage()
        return super().get_queryset(request)

    @admin.display(description="Used by")
    def used_by(self, template: EmailTemplate) -> SafeString:
        """Programs under way that send it, each a link."""
        uses = self._usage.get(template.pk, [])
        if not uses:
            return format_html('<span class="cs-muted">{}</span>', "no program")
        page = "admin:journeys_program_snapshot"
        links = [(reverse(page, args=[use.program_id]), use.name) for use in uses]
        return format_html_join(", ", '<a href="{}">{}</a>', links)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save through the operation, which also keeps the trail."""
        obj.pk = save_template(input_of(obj), actor=request.user, template_id=obj.pk).pk

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete through the operation, which also keeps the trail."""
        delete_template(obj.pk, actor=request.user)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[EmailTemplate]) -> None:
        """Delete the ticked ones; none if one of them is in use."""
        with transaction.atomic():
            for template in queryset:
                delete_template(template.pk, actor=request.user)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple:
        """A template that a program sends cannot be deleted."""
        deleted, counts, perms, protected = super().get_deleted_objects(objs, request)
        for template in objs:
            for name in programs_using(template.pk):
                protected = [*protected, f"{template.name} is sent by the program {name}"]
        return deleted, counts, perms, protected

    def get_urls(self) -> list[URLPattern]:
        """The editor's endpoints."""
        wrap = self.admin_site.admin_view
        ours = [
            path("preview/", wrap(require_POST(json_door(self.preview))),
                 name="journeys_emailtemplate_preview"),
            path("send-to-me/", wrap(require_POST(json_door(self.send_to_me))),
                 name="journeys_emailtemplate_send"),
            path("people/", wrap(require_GET(json_door(self.people))),
                 name="journeys_emailtemplate_people"),
        ]  # fmt: skip
        return [*ours, *super().get_urls()]

    def preview(self, request: HttpRequest) -> HttpResponse:
        """The mail for one person as it would be sent, and everything wrong with it."""
        need(request, "journeys.view_emailtemplate")
        need(request, "customers.view_person")
        body = body_of(request)
        content = _content(body)
        problems = [asdict(problem) for problem in content_problems(content)]
        answer: dict[str, Any] = {"problems": problems}
        try:
            compiled = compile_content(content)
        except DomainError:
            return JsonResponse(answer)
        [values] = load_values([Recipient(_person_id(body))])
        mail = render(compiled, Values(values), PlainLinks())
        answer |= {
            "subject": mail.subject,
            "html": mail.html,
            "text": mail.text,
            "to": values["person.email"] or "",
            "empty": sorted(name for name, value in mail.used.items() if value is None),
        }
        return JsonResponse(answer)

    def send_to_me(self, request: HttpRequest) -> HttpResponse:
        """Send what is in the editor to the one who works on it."""
        need(request, "customers.view_person")
        body = body_of(request)
        message = send_test(_content(body), person_id=_person_id(body), actor=request.user)
        return JsonResponse({"message": f"On its way to {message.payload['to']}."})

    def people(self, request: HttpRequest) -> HttpResponse:
        """People to preview with: those whose name or address begins so, at most ten."""
        need(request, "customers.view_person")
        words = request.GET.get("q", "").replace("\x00", "")[:100]
        rows = Person.objects.filter(merged_into=None, erased_at=None)
        if words:
            rows = rows.filter(Q(name__istartswith=words) | Q(email__istartswith=words))
        people = rows.order_by("name", "pk")[:10]
        return JsonResponse(
            {"people": [{"id": p.pk, "name": str(p), "email": p.email or ""} for p in people]}
        )

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The form, with the preview's endpoints."""
        pages = {name: reverse(f"admin:journeys_emailtemplate_{name}") for name in
                 ("preview", "send", "people")}  # fmt: skip
        context = {**(extra_context or {}), "preview_urls": pages}
        if object_id is None and request.method == "GET" and not getattr(request.user, "email", ""):
            messages.info(request, "Your account has no email address: “Send to me” needs one.")
        return super().changeform_view(request, object_id, form_url, context)


def _content(body: dict[str, Any]) -> dict[str, Any]:
    """A template's content from the editor; shape only, meaning is checked below."""
    content = {name: body.get(name, "") for name in CONTENT_FIELDS}
    wrong = [name for name in CONTENT_FIELDS[:-1] if not isinstance(content[name], str)]
    if wrong:
        raise DomainError([Problem(f"/{name}", "Expected text.", "type") for name in wrong])
    if not isinstance(content["blocks"], list):
        raise DomainError("Expected a list of blocks.", path="/blocks", code="type")
    return content


def _person_id(body: dict[str, Any]) -> int | None:
    """The person to preview with, or None for nobody."""
    value = body.get("person")
    fit = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63
    if value is not None and not fit:
        raise DomainError("Choose a person from the list.", path="/person", code="type")
    return value
