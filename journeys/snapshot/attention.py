"""What went wrong under running programs since they were published (PRG-09).

A step of a published flow may come to point at something that no longer works: an engagement that
was paused, ended, or is triggered otherwise now. Rooms that bring such things register a finder;
programs, list, snapshot, home page and API ask here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse

from csplatform.adminkit.home import Figure
from csplatform.kit.registry import Registry
from journeys.flow.checks import StepMark
from journeys.flow.document import Flow, walk


@dataclass(frozen=True)
class Trouble:
    """A step of a running program that fails whoever reaches it.

    Attributes:
        message: what is wrong and what to do, as a sentence.
        version: number of the version that the step stands in.
    """

    program_id: int
    step_key: str
    step_name: str
    message: str
    version: int


# Finds troubles of the given programs, of all active and paused ones for None. One query, whatever
# the number of programs.
Finder = Callable[[Sequence[int] | None], Sequence[Trouble]]
trouble_finders: Registry[Finder] = Registry("trouble finder")


def troubles_of(program_ids: Sequence[int] | None = None) -> dict[int, list[Trouble]]:
    """Troubles by program; programs without any are missing. One query per finder."""
    found: dict[int, list[Trouble]] = {}
    for find in trouble_finders:
        for trouble in find(program_ids):
            found.setdefault(trouble.program_id, []).append(trouble)
    return found


def trouble_marks(flow: Flow, troubles: Sequence[Trouble]) -> list[StepMark]:
    """Troubles as marks of the cards; those of steps that only older versions have are about the
    program as a whole."""
    paths: Mapping[str, str] = {place.step.key: place.path for place in walk(flow)}
    marks = []
    for trouble in troubles:
        key, message = trouble.step_key, trouble.message
        if key not in paths:
            key = ""
            message = f"“{trouble.step_name}” of version {trouble.version}: {message}"
        marks.append(StepMark(key, paths.get(key, ""), message, code="trouble"))
    return marks


def trouble_url(trouble: Trouble) -> str:
    """The step on the program's snapshot."""
    page = reverse("admin:journeys_program_snapshot", args=[trouble.program_id])
    return f"{page}#step-{trouble.step_key}"


def needing_attention(request: HttpRequest) -> Figure | None:
    """Running programs with a step that fails whoever reaches it; for the home page."""
    if not request.user.has_perm("journeys.view_program"):
        return None
    found = troubles_of()
    if not found:
        return None
    link = reverse("admin:journeys_program_changelist") + "?attention=yes"
    if len(found) == 1:
        link = trouble_url(next(iter(found.values()))[0])
    first = next(iter(found.values()))[0]
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    note = f"step “{first.step_name}”{more}: who reaches it cannot go through it"
    return Figure("Programs that need attention", len(found), link, "bad", note)
