"""Steps of running programs whose engagement cannot be shown any more (PRG-09)."""

from collections.abc import Sequence

from django.db.models import Exists, F, OuterRef, Q

from csplatform.kit.clock import database_now
from engagements.inapp.active import why_not
from engagements.inapp.models import EngagementState, ProgramLink, TriggeredBy
from journeys.models import Participant
from journeys.models.program import ProgramState
from journeys.snapshot.attention import Trouble

RUNNING = (ProgramState.ACTIVE, ProgramState.PAUSED)


def find_troubles(program_ids: Sequence[int] | None) -> list[Trouble]:
    """Connected steps whose engagement is paused, ended, over, or triggered otherwise.

    A schedule that has not begun fails nobody: only the showing waits. Steps of versions that
    nobody can enter any more count while somebody travels them.
    """
    now = database_now()
    links = ProgramLink.objects.filter(disconnected_at=None, program__state__in=RUNNING)
    if program_ids is not None:
        links = links.filter(program__in=list(program_ids))
    inside = Participant.objects.filter(
        program=OuterRef("program"), version=OuterRef("version"), ended_at=None
    )
    links = links.filter(Q(version=F("program__published")) | Exists(inside))
    wrong = (
        ~Q(engagement__state=EngagementState.LAUNCHED)
        | ~Q(engagement__triggered_by=TriggeredBy.PROGRAM)
        | Q(engagement__ends_at__lte=now)
    )
    rows = links.filter(wrong).select_related("engagement", "version").order_by("-version", "pk")
    found: dict[tuple[int, str], Trouble] = {}
    for row in rows:
        reason = why_not(row.engagement, now)
        key = (row.program_id, row.step_key)
        if reason and key not in found:  # the newest version speaks for the older ones
            found[key] = Trouble(*key, row.step_name or row.step_key, reason, row.version.number)
    return list(found.values())
