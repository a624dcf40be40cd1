"""Which programs use a segment, a mail template: asked before something is deleted."""

from django.urls import reverse

from csplatform.segments.models import Segment
from csplatform.segments.usage import Use
from journeys.models import Program
from journeys.models.program import ProgramState

ENDED = (ProgramState.STOPPED, ProgramState.COMPLETED)


def programs_using_segment(segment: Segment) -> list[Use]:
    """Programs whose draft or published flow takes people from the segment."""
    source = {"entry": {"sources": [{"segment": segment.pk}]}}
    drafts = Program.objects.filter(draft__contains=source)
    published = Program.objects.filter(published__document__contains=source)
    found = (drafts | published).exclude(state__in=ENDED).distinct().order_by("name")
    return [
        Use("Program", program.name, reverse("admin:journeys_program_change", args=[program.pk]))
        for program in found
    ]
