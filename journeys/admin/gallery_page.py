"""Where a new program begins: models and templates, a template seen large, and using it."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from csplatform.adminkit.base import tell_problems
from csplatform.ascode.kind import export_kinds
from csplatform.kit.blocks import block_texts, parse_blocks
from csplatform.kit.errors import DomainError
from journeys.admin.door import need
from journeys.flow.cards import build_tree
from journeys.flow.gallery import (
    PURPOSES,
    Template,
    find_template,
    flow_and_names,
    templates,
    words_of,
)
from journeys.flow.models import program_models
from journeys.flow.picture import Picture, draw
from journeys.flow.words import flow_words
from journeys.models import Folder
from journeys.models.program import ProgramType
from journeys.operations.use_template import use_template


@dataclass(frozen=True)
class Shown:
    """A template on its card."""

    template: Template
    picture: Picture
    who: str

    @property
    def brings(self) -> list[tuple[str, int]]:
        """How many of which kind come along."""
        counts = Counter(label for label, _ in self.template.brings)
        return list(counts.items())


@require_GET
def gallery_page(request: HttpRequest, *, model_admin: ModelAdmin) -> HttpResponse:
    """All models and templates; ?q=, ?type= and ?purpose= narrow them."""
    need(request, "journeys.add_program")
    wanted = {name: request.GET.get(name, "") for name in ("q", "type", "purpose")}
    context = {
        **_frame(request, model_admin, "New program"),
        "models": list(program_models),
        "cards": [_shown(t) for t in templates() if _fits(t, wanted)],
        "wanted": wanted,
        "types": ProgramType.choices,
        "purposes": PURPOSES,
    }
    return TemplateResponse(request, "admin/journeys/program/gallery.html", context)


@require_http_methods(["GET", "POST"])
def template_page(request: HttpRequest, key: str, *, model_admin: ModelAdmin) -> HttpResponse:
    """One template: its flow drawn large, its mails, what it brings along; POST uses it."""
    need(request, "journeys.add_program")
    try:
        template = find_template(key)
    except DomainError:
        raise Http404 from None
    if request.method == "POST" and (answer := _use(request, template)):
        return answer
    flow, names = flow_and_names(template)
    context = {
        **_frame(request, model_admin, template.label),
        "template": template,
        "who": ProgramType(template.type).label,
        "model": program_models.get(str(template.program.get("model", "journey"))),
        "tree": build_tree(flow, flow_words(flow, template.type, names)),
        "editing": False,
        "brings": _brings(template),
        "texts": _texts(template),
        "folders": Folder.objects.order_by("name"),
        "name": request.POST.get("name", template.program["name"]),
        "folder": request.POST.get("folder", ""),
    }
    return TemplateResponse(request, "admin/journeys/program/template.html", context)


def _frame(request: HttpRequest, model_admin: ModelAdmin, title: str) -> dict[str, Any]:
    request.current_app = model_admin.admin_site.name  # type: ignore[attr-defined]
    return {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": title,
    }


def _shown(template: Template) -> Shown:
    flow, _ = flow_and_names(template)
    return Shown(template, draw(flow), ProgramType(template.type).label)


def _fits(template: Template, wanted: dict[str, str]) -> bool:
    words = " ".join(words_of(template)).lower()
    return (
        all(word in words for word in wanted["q"].lower().split())
        and wanted["type"] in ("", template.type)
        and wanted["purpose"] in ("", template.purpose)
    )


def _use(request: HttpRequest, template: Template) -> HttpResponse | None:
    """Make the draft and open it; None when something is in the way."""
    name, folder = (request.POST.get(word, "").replace("\x00", "") for word in ("name", "folder"))
    try:
        program, changes = use_template(template, name=name, folder=folder, actor=request.user)
    except DomainError as error:
        tell_problems(request, error)
        return None
    made = [f"{c.label} “{c.name}”" for c in changes if c.what == "created"]
    used = [f"{c.label} “{c.name}”" for c in changes if c.what == "reused"]
    if made:
        messages.success(request, f"Made along with it: {', '.join(made)}.")
    if used:
        messages.info(request, f"Used as it was there already: {', '.join(used)}.")
    return HttpResponseRedirect(reverse("admin:journeys_program_flow", args=[program.pk]))


def _brings(template: Template) -> list[dict[str, Any]]:
    """What comes along, and the row of what is there already: one query per kind."""
    there: dict[tuple[str, str], str] = {}
    for key in dict.fromkeys(item["kind"] for item in template.documents[:-1]):
        kind = export_kinds.get(key)
        rows = kind.rows([item["name"] for item in template.of_kind(key)])
        there |= {(key, row.name): kind.url(row) for row in rows}
    return [
        {
            "label": export_kinds.get(item["kind"]).label,
            "name": item["name"],
            "url": there.get((item["kind"], item["name"]), ""),
        }
        for item in template.documents[:-1]
    ]


def _texts(template: Template) -> list[dict[str, Any]]:
    """What its mails and engagements say, as plain lines."""
    found = []
    for item in template.documents[:-1]:
        content = item.get("content") or {}
        blocks = item.get("blocks") or content.get("blocks")
        if blocks:
            place = "dialog" if content else "mail"
            lines = [
                text.source
                for block in parse_blocks(blocks, place=place)
                for text in block_texts(block)
                if text.place == "text"
            ]
            label = export_kinds.get(item["kind"]).label
            found.append(
                {"label": label, "name": item["name"], "subject": item.get("subject", ""),
                 "lines": lines}
            )  # fmt: skip
    return found
