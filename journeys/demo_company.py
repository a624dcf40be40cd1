"""A demo program for companies: their people get a mail each, the CSM hears who is silent."""

from csplatform.demo.parts import DemoPart, World, demo_parts
from csplatform.kit.jobs import drain
from journeys.demo import PERSONAL_MAIL, react, segment_entry, step, template_id
from journeys.models import Folder
from journeys.operations.draft import create_program
from journeys.operations.publish import publish_program

RENEWING = "Renewing within 60 days"


def register() -> None:
    """Called once at start by journeys.registrations."""
    demo_parts.register("renewal", DemoPart(43, "a program for renewals", build_renewal))


def build_renewal(world: World) -> None:
    """Companies near their renewal: a CSM for each, a mail to those who decide, and a wait for two
    of them."""
    deciders = {"test": "attribute", "name": "persona", "operator": "equals",
                "value": "Decision maker"}  # fmt: skip
    document = {
        "entry": segment_entry(RENEWING),
        "fields": [
            {
                "key": "exports", "label": "Exports in 30 days", "source": "events",
                "config": {"event": "report_exported", "figure": "count", "days": 30},
            }
        ],
        "steps": [
            step("csm", "assign_csm", "Somebody for each", method="fewest_accounts"),
            step("word", "send_email", "A word before the renewal", sender="csm", most=10,
                 template=template_id(PERSONAL_MAIL), recipients=[
                     {"who": "rule", "rule": deciders}, {"who": "persona", "persona": "Champion"},
                 ]),
            step("two", "conditional_wait", "Two of them opened it?", amount=7, unit="days",
                 conditions=[{"type": "event", "step": "word", "event": "opened",
                              "quorum": "count", "count": 2}],
                 exits={
                     "met": [step("well", "if_else", "Uses reports?", paths=[{
                         "key": "yes", "label": "Exports reports", "rule": {
                             "test": "field", "name": "exports", "operator": "gte", "value": 5}}],
                         exits={"yes": [], "else": []})],
                     "not_met": [step("tell", "notify_staff", "Tell the CSM",
                                      subject="{{ company.name }} does not react",
                                      message="Please call before {{ company.renewal_date }}.")],
                 }),
            step("month", "wait_timer", "A month", amount=30, unit="days"),
        ],
    }  # fmt: skip
    folder, _ = Folder.objects.get_or_create(name="Lifecycle")
    manager = world.staff["manager"]
    program = create_program(
        name="Before the renewal", type="company", folder=folder, document=document, actor=manager,
        description="For companies whose renewal is within 60 days.",
    )  # fmt: skip
    publish_program(program.pk, actor=manager)
    drain("bulk", "live")
    react(world, program, "word", (("email.opened", 0.5), ("email.clicked", 0.1)))
