"""In review: who would enter if the draft were published now, and who would be refused (PRG-27)."""

from typing import Any

from django.contrib.admin import ModelAdmin
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_GET

from csplatform.customers.models import Company, Person
from journeys.admin.door import frame, load_program, need
from journeys.flow.parse import parse_flow
from journeys.operations.newcomers import ENTER, HELD_OUT, count_newcomers, list_newcomers

PAGE = 50
LABELS = {ENTER: "Would enter", HELD_OUT: "Would be held out"}


@require_GET
def newcomers_page(
    request: HttpRequest, object_id: str, *, model_admin: ModelAdmin
) -> HttpResponse:
    """The people behind a figure of the publish dialog: ?of=enter, held_out or a reason."""
    need(request, "journeys.view_participant")
    program = load_program(object_id)
    flow = parse_flow(program.draft)
    counts = count_newcomers(program, flow)
    chosen = request.GET.get("of", "")[:60]
    if chosen not in {row.key for row in counts}:
        chosen = counts[0].key if counts else ENTER
    total = next((row.count for row in counts if row.key == chosen), 0)
    page = Paginator(range(total), PAGE).get_page(request.GET.get("page"))
    found = list_newcomers(program, flow, chosen, offset=page.start_index() - 1, limit=PAGE)
    model: Any = Person if program.type == "person" else Company
    rows = model.objects.in_bulk([pk for pk, _ in found])
    context = frame(
        model_admin, request, program,
        counts=[(row.key, LABELS.get(row.key) or row.sentence, row.count) for row in counts],
        chosen=chosen, page=page, query=f"of={chosen}",
        rows=[(rows[pk], context_id) for pk, context_id in found if pk in rows],
    )  # fmt: skip
    return TemplateResponse(request, "admin/journeys/program/newcomers.html", context)
