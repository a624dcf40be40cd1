"""The journeys' part of the demo tenant: segments, mails, and a win-back program in motion."""

from collections.abc import Sequence
from typing import Any

from csplatform.customers.models import Person
from csplatform.customers.operations.events import EventInput, record_events
from csplatform.demo.parts import DemoPart, World, demo_parts
from csplatform.kit.jobs import drain
from csplatform.segments.models import Segment
from csplatform.segments.operations.definition import SegmentInput, save_segment
from journeys.consent.operations import note_bounce, save_category, set_preferences
from journeys.models import EmailTemplate, Folder, Outbox, Program
from journeys.models.consent import ConsentSource
from journeys.operations.draft import create_program
from journeys.operations.publish import publish_program
from journeys.webhooks.operations import EndpointInput, create_endpoint

NEW_PEOPLE = "New people (last 7 days)"
QUIET_PEOPLE = "Gone quiet"
TIPS, NEWS, SERVICE = "Product tips", "News", "Your account"
CATEGORIES = (
    (TIPS, "How to get more out of the product; two or three a month.", False),
    (NEWS, "Releases, events and stories.", False),
    (SERVICE, "Notices about your account and answers to your questions.", True),
)
PERSONAL_MAIL = "A word from your customer success team"

SEGMENTS: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    (
        NEW_PEOPLE,
        "Signed up within the last seven days.",
        "person",
        {"test": "attribute", "name": "signup_date", "operator": "in_last_days", "value": 7},
    ),
    (
        QUIET_PEOPLE,
        "Signed in before, but not in the last 30 days; decision makers and champions.",
        "person",
        {
            "all": [
                {"test": "event", "name": "signed_in", "operator": "at_least", "count": 1},
                {"test": "event", "name": "signed_in", "operator": "none", "days": 30},
                {"test": "attribute", "name": "persona", "operator": "in",
                 "value": ["Champion", "Decision maker"]},
            ]
        },
    ),
    (
        "Never exported a report",
        "Active people of live customers who do not use reports yet.",
        "person",
        {
            "all": [
                {"test": "event", "name": "signed_in", "operator": "at_least", "count": 2,
                 "days": 30},
                {"test": "event", "name": "report_exported", "operator": "none"},
            ]
        },
    ),
    (
        "Renewing within 60 days",
        "Paying companies whose renewal is near.",
        "company",
        {
            "all": [
                {"test": "attribute", "name": "renewal_date", "operator": "in_next_days",
                 "value": 60},
                {"test": "attribute", "name": "status", "operator": "equals", "value": "active"},
            ]
        },
    ),
    (
        "Overdue invoices",
        "Companies that owe us something for more than two weeks.",
        "company",
        {
            "test": "invoice",
            "match": "any",
            "where": [{"field": "unpaid_due_on", "operator": "more_than_days_ago", "value": 14}],
        },
    ),
    (
        "Does not use reports",
        "Live companies whose people have not exported a report for 30 days.",
        "company",
        {
            "all": [
                {"test": "attribute", "name": "stage", "operator": "equals", "value": "live"},
                {"test": "usage", "part": "boards/reporting", "operator": "none", "days": 30},
            ]
        },
    ),
)  # fmt: skip

MAILS: tuple[tuple[str, str, str, list[dict[str, Any]]], ...] = (
    (
        "Welcome to Acme Boards",
        "Welcome, {{ person.name }}",
        "Three things that make the first week count.",
        [
            {"kind": "heading", "text": "Welcome, {{ person.name | default: 'there' }}"},
            {"kind": "text", "text": "Good to have you and {{ company.name }} on board."},
            {"kind": "list", "items": ["Create your first project", "Invite a teammate",
                                       "Complete a task together"]},
            {"kind": "button", "label": "Open Acme Boards", "url": "https://boards.example/start"},
        ],
    ),
    (
        "We miss you",
        "{{ person.name | default: 'Hello' }}, your boards are waiting",
        "What is new since you were last here.",
        [
            {"kind": "heading", "text": "It has been a while"},
            {"kind": "text", "text": "Reports are faster now, and tasks can repeat."},
            {"kind": "button", "label": "See what is new", "url": "https://boards.example/new"},
        ],
    ),
    (
        PERSONAL_MAIL,
        "Can we help, {{ person.name | default: 'there' }}?",
        "",
        [
            {"kind": "text", "text": "{{ csm.name | default: 'We' }} would like to hear how it "
                                     "goes at {{ company.name }}. Just answer this mail."},
        ],
    ),
)  # fmt: skip


def register() -> None:
    """Called once at start by journeys.registrations."""
    demo_parts.register("segments", DemoPart(20, "segments", build_segments))
    demo_parts.register("mails", DemoPart(21, "mail templates", build_mails))
    demo_parts.register("webhooks", DemoPart(22, "webhook endpoint (off)", build_endpoint))
    demo_parts.register("win_back", DemoPart(40, "program “Win back quiet people”", build_win_back))


def build_segments(world: World) -> None:
    """Segments, computed at once so that programs find members."""
    for name, description, subject, rule in SEGMENTS:
        given = SegmentInput(name, description, subject, "dynamic", rule)
        save_segment(given, actor=world.staff["manager"])
    drain("bulk", "live")


def build_mails(world: World) -> None:
    """Mail templates, by category; a few people have unsubscribed, a few addresses bounce."""
    manager = world.staff["manager"]
    of = {
        name: save_category(name, description=text, is_operational=operational, actor=manager)
        for name, text, operational in CATEGORIES
    }
    for name, subject, preheader, blocks in MAILS:
        category = of[TIPS if name != PERSONAL_MAIL else SERVICE]
        EmailTemplate.objects.create(
            name=name, subject=subject, preheader=preheader, blocks=blocks, category=category
        )
    chosen = world.random.sample(world.person_ids, 14)
    for person_id in chosen[:10]:
        wanted = {of[NEWS].pk} if person_id % 3 else {None}
        set_preferences(person_id, wanted, actor=None, source=ConsentSource.PAGE)
    addresses = Person.objects.filter(pk__in=chosen[10:]).values_list("email", flat=True)
    for address in filter(None, addresses):
        note_bounce(address, hard=True, detail="550 5.1.1 No such user here")


def build_endpoint(world: World) -> None:
    """An example that goes nowhere: it is switched off, and its host exists for examples only."""
    given = EndpointInput("CRM (example)", "https://crm.example.com/hooks/cs", is_active=False)
    create_endpoint(given, actor=world.staff["manager"])


def segment_entry(name: str) -> dict[str, Any]:
    """The entry part of a document: everybody in the segment of that name."""
    segment = Segment.objects.get(name=name)
    return {"sources": [{"kind": "segment", "segment": segment.pk}], "re_enrolment": "never"}


def step(key: str, kind: str, name: str, exits: Any = None, **config: Any) -> dict[str, Any]:
    """One step of a document."""
    data: dict[str, Any] = {"key": key, "kind": kind, "name": name, "config": config}
    return data | ({"exits": exits} if exits else {})


def template_id(name: str) -> int:
    """The id of a demo mail."""
    return EmailTemplate.objects.values_list("pk", flat=True).get(name=name)


def publish(world: World, name: str, description: str, document: dict[str, Any]) -> Program:
    """A program published by the demo's manager, with everybody at the first wait."""
    folder, _ = Folder.objects.get_or_create(name="Lifecycle")
    manager = world.staff["manager"]
    program = create_program(
        name=name, folder=folder, description=description, document=document, actor=manager
    )
    publish_program(program.pk, actor=manager)
    drain("bulk", "live")
    return program


def react(world: World, program: Program, key: str, shares: Sequence[tuple[str, float]]) -> None:
    """Let a share of the recipients of a step's mail open or click it."""
    refs = list(
        Outbox.objects.filter(program_id=program.pk, step_key=key).values_list("pk", "person_id")
    )
    for event, share in shares:
        chosen = world.random.sample(refs, int(len(refs) * share))
        record_events([EventInput(event, person_id=person, ref=ref) for ref, person in chosen])
    drain("live", "bulk")


def build_win_back(world: World) -> None:
    """Half of the quiet people get a mail; whoever does not react gets a personal word."""
    document = {
        "entry": segment_entry(QUIET_PEOPLE),
        "goal": {"test": "event", "name": "signed_in", "operator": "at_least", "count": 1,
                 "days": 7},
        "goal_exits": True,
        "steps": [
            step("split", "split", "Hold out a tenth", groups=[
                {"key": "mail", "label": "Gets the mails", "percent": 90},
                {"key": "none", "label": "Hold-out", "percent": 10},
            ], exits={
                "mail": [],
                "none": [step("holdout", "wait_timer", "Watch them for two weeks", amount=14,
                              unit="days"),
                         step("leave1", "exit", "Hold-out ends", reason="hold-out")],
            }),
            step("missyou", "send_email", "We miss you", template=template_id("We miss you")),
            step("opened", "conditional_wait", "Opened the mail?", amount=4, unit="days",
                 conditions=[{"type": "event", "step": "missyou", "event": "opened"}],
                 exits={
                     "met": [step("think", "wait_timer", "Give them two days", amount=2,
                                  unit="days")],
                     "not_met": [step("personal", "send_email", "A personal word",
                                      template=template_id(PERSONAL_MAIL)),
                                 step("answer", "wait_timer", "Wait for an answer", amount=5,
                                      unit="days")],
                 }),
            step("enterprise", "if_else", "Large customer?", paths=[{
                "key": "yes", "label": "ARR over 20,000", "rule": {
                    "test": "company", "match": "any", "rule": {
                        "test": "attribute", "name": "arr", "operator": "gt", "value": 20000}}}],
                 exits={"yes": [step("persona", "set_attribute", "Mark for a call",
                                     attribute="persona", value="Decision maker")],
                        "else": []}),
        ],
    }  # fmt: skip
    program = publish(
        world, "Win back quiet people", "For people who have not signed in for 30 days.", document
    )
    react(world, program, "missyou", (("email.opened", 0.4), ("email.clicked", 0.15)))
