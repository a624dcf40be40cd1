"""The history of a program's life: publishings, pauses with their length, entries, ends."""

from typing import Any

from django.contrib.admin import ModelAdmin
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_GET

from csplatform.kit.clock import now
from journeys.admin.door import frame, load_program, need
from journeys.models import ProgramStateChange
from journeys.snapshot.calendar import TONES
from journeys.snapshot.life import TOPICS, begins_pause, of_topic, pauses_of, span, with_pauses

PAGE = 50


@require_GET
def history_page(request: HttpRequest, object_id: str, *, model_admin: ModelAdmin) -> HttpResponse:
    """All of it, newest first: ?topic=publishing|pauses|entries|ends."""
    need(request, "journeys.view_program")
    program = load_program(object_id)
    topic = request.GET.get("topic", "")
    topic = topic if topic in TOPICS else ""
    moment = now()
    changes = of_topic(with_pauses(program.state_changes.select_related("by")), topic)
    page = Paginator(changes.order_by("-pk"), PAGE).get_page(request.GET.get("page"))
    total = pauses_of(program.pk, moment)
    context = frame(
        model_admin,
        request,
        program,
        page=page,
        rows=[_row(change, moment) for change in page],
        topic=topic,
        topics={"": "All", **{key: label for key, (label, _) in TOPICS.items()}},
        query=f"topic={topic}" if topic else "",
        pauses=total.count,
        paused_for=span(total.total),
    )
    return TemplateResponse(request, "admin/journeys/program/history.html", context)


def _row(change: ProgramStateChange, moment: Any) -> dict[str, Any]:
    until = getattr(change, "pause_until", None)
    length = span((until or moment) - change.at) if begins_pause(change) else ""
    return {
        "change": change,
        "label": change.get_what_display() or "Change",
        "tone": TONES.get(change.what, "plain"),
        "length": length,
        "lasts": bool(length) and until is None,
        "moved": change.old != change.new,
    }
