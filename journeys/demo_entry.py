"""A demo program that tickets let people in, with a control group."""

from csplatform.customers.models import Person
from csplatform.customers.operations.events import EventInput, record_events
from csplatform.demo.parts import DemoPart, World, demo_parts
from csplatform.kit.jobs import drain
from journeys.demo import PERSONAL_MAIL, publish, step, template_id

EVENT = "ticket_closed"
TICKETS = 80


def register() -> None:
    """Called once at start by journeys.registrations."""
    demo_parts.register("tickets", DemoPart(43, "program “How was our help?”", build_tickets))


def build_tickets(world: World) -> None:
    """One run per urgent ticket; a quarter is held out to see whether asking brings people back."""
    document = {
        "entry": {
            "sources": [{
                "kind": "event", "event": EVENT, "context_id": "ticket_id",
                "where": [{"property": "severity", "operator": "in", "value": ["high", "urgent"]}],
                "fields": [{"field": "subject", "property": "subject"}],
            }],
            "needs_context_id": True, "same_email_days": 14, "re_enrolment": "every_time",
        },
        "goal": {"test": "event", "name": "signed_in", "operator": "at_least", "count": 1,
                 "days": 1},
        "goal_exits": False,
        "control": {"percent": 25, "days": 21},
        "steps": [
            step("pause", "wait_timer", "Let them try it", amount=2, unit="days"),
            step("ask", "send_email", "Ask how it went", template=template_id(PERSONAL_MAIL)),
            step("answer", "wait_timer", "Wait for an answer", amount=7, unit="days"),
        ],
    }  # fmt: skip
    publish(world, "How was our help?", "Starts when a ticket is closed.", document)
    ids = list(Person.objects.filter(merged_into=None).order_by("pk").values_list("pk", flat=True))
    chosen = world.random.sample(ids, min(TICKETS, len(ids)))
    subjects = ("Cannot share a board", "Import stops", "Where is the report?")
    record_events(
        [
            EventInput(
                EVENT, person_id=person_id,
                properties={
                    "ticket_id": f"T-{1000 + number}", "subject": subjects[number % 3],
                    "severity": ("high", "urgent", "low")[number % 3],
                },
            )
            for number, person_id in enumerate(chosen)
        ]
    )  # fmt: skip
    drain("live", "bulk")
