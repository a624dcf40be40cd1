"""Programs on the home page: what runs, and what needs a look."""

from collections.abc import Sequence

from django.http import HttpRequest
from django.urls import reverse

from csplatform.adminkit.home import Figure
from csplatform.adminkit.paging import EXACT_UP_TO
from csplatform.kit import sql
from journeys.models import Program
from journeys.models.program import ProgramState


def program_figures(request: HttpRequest) -> Sequence[Figure]:
    """Active programs and who travels them. Counts stop at a limit, so they stay cheap."""
    programs = reverse("admin:journeys_program_changelist")
    people = reverse("admin:journeys_participant_changelist")
    states = dict(sql.rows("SELECT state, count(*) FROM journeys_program GROUP BY 1"))
    if not states:
        return []
    inside = _count("ended_at IS NULL")
    active = states.get(ProgramState.ACTIVE, 0)
    drafts = states.get(ProgramState.DRAFT, 0)
    return [
        Figure("Active programs", active, f"{programs}?state__exact=active"),
        Figure("In progress", _up_to(inside), f"{people}?state__exact=active", note="participants"),
        Figure("Drafts", drafts, f"{programs}?state__exact=draft"),
        Figure("To be published", _scheduled(), f"{programs}?publishing=scheduled"),
    ]


def _scheduled() -> int:
    """Publishings to come; by the index of the tick."""
    return int(sql.one("SELECT count(*) FROM journeys_program WHERE publish_at IS NOT NULL") or 0)


def _count(condition: str) -> int:
    """Exact up to a limit; `condition` is code-owned."""
    found = sql.one(
        f"SELECT count(*) FROM (SELECT 1 FROM journeys_participant WHERE {condition} LIMIT %s) t",
        [EXACT_UP_TO + 1],
    )
    return int(found or 0)


def _up_to(number: int) -> int | str:
    return number if number <= EXACT_UP_TO else f"over {EXACT_UP_TO:,}"


def failed_participants(request: HttpRequest) -> Figure | None:
    """Participants that failed in programs that still run: retry them or take them out."""
    if not request.user.has_perm("journeys.view_participant"):
        return None
    running = (ProgramState.ACTIVE, ProgramState.PAUSED)
    ids = list(Program.objects.filter(state__in=running).values_list("pk", flat=True))
    failed = sql.one(
        "SELECT count(*) FROM journeys_participant WHERE program_id = ANY(%s) AND state = 'failed'",
        [ids],
    )
    if not failed:
        return None
    link = f"{reverse('admin:journeys_participant_changelist')}?state__exact=failed"
    return Figure("Participants", failed, link, "bad", "failed at a step")


def failed_publishings(request: HttpRequest) -> Figure | None:
    """Scheduled publishings that failed and that nobody has looked at since."""
    if not request.user.has_perm("journeys.view_program"):
        return None
    failed = list(Program.objects.exclude(publish_failure=[]).values_list("pk", "name")[:50])
    if not failed:
        return None
    link = f"{reverse('admin:journeys_program_changelist')}?publishing=failed"
    note = "publishing failed"
    if len(failed) == 1:
        link = reverse("admin:journeys_program_flow", args=[failed[0][0]])
        note = f"publishing of “{failed[0][1]}” failed"
    return Figure("Programs", len(failed), link, "bad", note)
