"""The engagements' part of the demo tenant: a dialog, and the welcome program that triggers it."""

from django.conf import settings

from csplatform.customers.operations.events import EventInput, record_events
from csplatform.demo.parts import DemoPart, World, demo_parts
from csplatform.kit.jobs import drain
from engagements.inapp.models import Engagement
from engagements.inapp.operations.drafts import create_engagement
from engagements.inapp.operations.life import launch_engagement
from journeys.demo import (
    NEW_PEOPLE,
    PERSONAL_MAIL,
    publish,
    react,
    segment_entry,
    step,
    template_id,
)
from journeys.models import Participant

DIALOG = "Create your first project"


def register() -> None:
    """Called once at start by engagements.registrations."""
    demo_parts.register("dialog", DemoPart(30, "dialog “Create your first project”", build_dialog))
    demo_parts.register("welcome", DemoPart(31, "program “Welcome new people”", build_welcome))


def build_dialog(world: World) -> None:
    """A dialog that programs may trigger, launched."""
    content = {
        "blocks": [
            {"kind": "heading", "text": "Welcome, {{ person.first_name | default: 'there' }}"},
            {"kind": "text", "text": "A project holds your boards and tasks. It takes a minute."},
            {"kind": "list", "items": ["Pick a template", "Name it", "Invite a teammate"],
             "style": "numbers"},
            {"kind": "button", "label": "Show me",
             "url": f"{settings.PUBLIC_URL}/demo/projects/"},
        ]
    }  # fmt: skip
    made = create_engagement(DIALOG, kind="dialog", actor=world.staff["manager"], content=content)
    launch_engagement(made.pk, actor=world.staff["manager"])


def build_welcome(world: World) -> None:
    """Mail, wait for its opening, dialog in the product, wait for its completion."""
    dialog = Engagement.objects.get(name=DIALOG)
    document = {
        "entry": segment_entry(NEW_PEOPLE),
        "goal": {"test": "event", "name": "project_created", "operator": "at_least", "count": 2,
                 "days": 3},
        "goal_exits": False,
        "steps": [
            step("welcome", "send_email", "Welcome mail",
                 template=template_id("Welcome to Acme Boards")),
            step("opened", "conditional_wait", "Opened the welcome mail?", amount=3, unit="days",
                 conditions=[{"type": "event", "step": "welcome", "event": "opened"}],
                 exits={"met": [], "not_met": [step("later", "wait_timer", "Give them another day",
                                                    amount=1, unit="days")]}),
            step("dialog", "trigger_engagement", "First project", engagement=dialog.pk),
            step("done", "conditional_wait", "Finished the dialog?", amount=5, unit="days",
                 conditions=[{"type": "event", "step": "dialog", "event": "completed"}],
                 exits={
                     "met": [step("started", "set_attribute", "Mark as started",
                                  attribute="onboarding", value="started")],
                     "not_met": [step("help", "send_email", "Offer help",
                                      template=template_id(PERSONAL_MAIL))],
                 }),
        ],
    }  # fmt: skip
    program = publish(
        world, "Welcome new people", "First mail, first dialog, first project.", document
    )
    react(world, program, "welcome", (("email.opened", 0.55), ("email.clicked", 0.2)))
    inside = list(
        Participant.objects.filter(program=program).order_by("pk").values_list("person", flat=True)
    )
    chosen = world.random.sample(inside, len(inside) // 6)
    record_events(
        [EventInput("project_created", person_id=person) for person in chosen for _ in range(2)]
    )
    drain("live", "bulk")
