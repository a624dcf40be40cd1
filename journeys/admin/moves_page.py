"""What becomes of those inside: the rows of the publish dialog, and moving them later (PRG-42)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from csplatform.kit.errors import DomainError
from journeys.admin.door import load_program, need
from journeys.flow.document import Flow, walk
from journeys.flow.parse import parse_flow
from journeys.models import Program
from journeys.operations.relocate import END, MOVE, STAY, Standing, relocate, standing
from journeys.snapshot.counts import people_url

FIELD = "move_"


@dataclass(frozen=True)
class MoveRow:
    """Those at one step, and what may become of them.

    Attributes:
        targets: (key, name) of the steps of the new flow, the same step first.
    """

    standing: Standing
    url: str
    targets: tuple[tuple[str, str], ...]

    @property
    def field(self) -> str:
        """Name of its select."""
        return FIELD + self.standing.key


def move_rows(program: Program, places: tuple[Standing, ...], flow: Flow) -> list[MoveRow]:
    """A row per step where somebody stands."""
    names = {place.step.key: place.step.name or place.step.kind for place in walk(flow)}

    def targets(key: str) -> tuple[tuple[str, str], ...]:
        same = [(key, f"{names[key]} (the same step)")] if key in names else []
        return (*same, *(pair for pair in names.items() if pair[0] != key))

    return [
        MoveRow(place, people_url(program, step=place.key, what="here"), targets(place.key))
        for place in places
    ]


def moves_of(posted: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Choices as the operations take them, from the selects of a form."""
    found: dict[str, dict[str, str]] = {}
    for name, value in posted.items():
        if name.startswith(FIELD) and value:
            do, _, to = str(value).partition(":")
            found[name.removeprefix(FIELD)] = {"do": do, "to": to} if do == MOVE else {"do": do}
    return found


@require_GET
def move_dialog(request: HttpRequest, object_id: str, *, model_admin: ModelAdmin) -> HttpResponse:
    """Where those on earlier versions stand, and what may become of them; changes nothing."""
    need(request, "journeys.publish_program")
    program = load_program(object_id)
    if program.published is None:
        raise Http404
    flow = parse_flow(program.published.in_force())
    places = standing(program, flow, target=program.published_id)
    context = {
        "program": program,
        "moves": move_rows(program, places, flow),
        "inside": sum(place.count for place in places),
        "stay": STAY,
        "end": END,
    }
    return TemplateResponse(request, "admin/journeys/program/_life_move.html", context)


@require_POST
def move_do(request: HttpRequest, object_id: str, *, model_admin: ModelAdmin) -> HttpResponse:
    """Start to take them there."""
    need(request, "journeys.publish_program")
    program = load_program(object_id)
    back = HttpResponseRedirect(reverse("admin:journeys_program_versions", args=[program.pk]))
    try:
        made = relocate(program.pk, moves_of(request.POST), actor=request.user)
    except DomainError as error:
        for problem in error.problems[:5]:
            messages.error(request, problem.message)
        return back
    people = sum(row.expected for row in made)
    messages.success(request, f"{people:,} are on their way; this page shows how far it is.")
    return back
