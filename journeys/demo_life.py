"""Two more demo programs: one to be published in a week, one that takes nobody new in."""

from datetime import timedelta

from csplatform.demo.parts import DemoPart, World, demo_parts
from csplatform.kit.clock import database_now
from journeys.demo import NEW_PEOPLE, PERSONAL_MAIL, publish, segment_entry, step, template_id
from journeys.models import Folder
from journeys.operations.draft import create_program
from journeys.operations.entries import disable_program
from journeys.operations.schedule import schedule_program


def register() -> None:
    """Called once at start by journeys.registrations."""
    demo_parts.register("scheduled", DemoPart(41, "a program for next week", build_scheduled))
    demo_parts.register("closed", DemoPart(42, "a program that ends", build_closed))


def build_scheduled(world: World) -> None:
    """Next week at nine; nobody enters it by itself, so it sends nothing even then."""
    folder, _ = Folder.objects.get_or_create(name="Lifecycle")
    manager = world.staff["manager"]
    document = {
        "entry": {"sources": []},
        "steps": [
            step("word", "send_email", "A personal word", template=template_id(PERSONAL_MAIL)),
            step("answer", "wait_timer", "Wait for an answer", amount=7, unit="days"),
        ],
    }
    program = create_program(
        name="Ask how the quarter went", folder=folder, document=document, actor=manager,
        description="People are enrolled by hand after their review.",
    )  # fmt: skip
    at = (database_now() + timedelta(days=7)).replace(hour=9, minute=0, second=0, microsecond=0)
    schedule_program(program.pk, at, actor=manager)


def build_closed(world: World) -> None:
    """An older welcome: who is inside goes on, nobody new gets in."""
    document = {
        "entry": segment_entry(NEW_PEOPLE),
        "steps": [step("fortnight", "wait_timer", "Two weeks", amount=14, unit="days")],
    }
    program = publish(
        world, "Welcome (last season)", "Runs out; the new welcome has taken over.", document
    )
    disable_program(program.pk, actor=world.staff["manager"], reason="Replaced by the new welcome")
