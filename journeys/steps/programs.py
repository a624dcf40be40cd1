"""Programs in the settings of steps."""

from collections.abc import Iterable

from journeys.models import Program
from journeys.models.program import ProgramState
from journeys.steps.kind import CheckContext, Mark
from journeys.steps.options import Options, option_providers, reference_names, reference_pages


def program_options(subject: str) -> Options:
    """Programs of the same type that are not over."""
    rows = Program.objects.filter(type=subject).exclude(state=ProgramState.STOPPED)
    return [(str(row.pk), row.name) for row in rows]


def program_names(ids: Iterable[int | str]) -> dict[int | str, str]:
    """Names by id."""
    return dict(Program.objects.filter(pk__in=list(ids)).order_by().values_list("pk", "name"))


def program_marks(program: int | None, context: CheckContext, *, enters: bool) -> list[Mark]:
    """The program is chosen, another one, of the same type, and takes people in."""
    if not program:
        return [Mark("/program", "Choose the program.", code="missing")]
    if program == context.program_id:
        return [Mark("/program", "This is the program itself; choose another.", code="itself")]
    found = context.referred("program", program, Program.objects.in_bulk)
    if found is None:
        return [Mark("/program", "This program no longer exists; choose another.", code="gone")]
    if found.type != context.subject:
        whom = "people" if context.subject == "person" else "companies"
        return [Mark("/program", f"This program is not for {whom}; choose another.")]
    if enters and not found.takes_in:
        message = "This program takes nobody in now: who comes here is listed there as refused."
        return [Mark("/program", message, "warning", "closed")]
    return []


def register() -> None:
    """Called once at start."""
    option_providers.register("programs", program_options)
    reference_names.register("program", program_names)
    reference_pages.register("program", "admin:journeys_program_change")
