"""A small world for exports and imports."""

from csplatform.health.operations import MeasureInput, ProfileInput, save_profile
from csplatform.health.scoring import parse_tiers
from csplatform.segments.operations.definition import SegmentInput, save_segment
from csplatform.usage.operations.tree import PartInput, save_product
from engagements.inapp.operations.drafts import create_engagement
from engagements.inapp.operations.life import launch_engagement
from journeys.consent.operations import save_category
from journeys.models import Program
from journeys.operations.draft import create_program
from tests import factories as make

CHAMPION = {"test": "attribute", "name": "persona", "operator": "equals", "value": "Champion"}


def segment(name="Champions", rule=None, **more):
    """A segment."""
    given = SegmentInput(name, rule=CHAMPION if rule is None else rule, **more)
    return save_segment(given, actor=None)


def dialog(name="Hello dialog", launched=True):
    """A dialog that programs may show."""
    made = create_engagement(name, kind="dialog", actor=None)
    return launch_engagement(made.pk, actor=None) if launched else made


def product(name="app"):
    """A product of two features."""
    where = [{"property": "format", "value": "pdf"}]
    return save_product(
        [PartInput(name, "App", adopted_measure="days", adopted_count=2, adopted_days=30),
         PartInput("one", "One", name), PartInput("open", "Open", f"{name}/one", "opened"),
         PartInput("save", "Save", f"{name}/one", "saved", where)],
        actor=None,
    )  # fmt: skip


def health(name="Everybody"):
    """How health is measured."""
    measure = MeasureInput("days_since", tiers=parse_tiers("3 = 100, more = 0"))
    return save_profile(ProfileInput(name, measures=[measure]), actor=None)


def welcome(name="Welcome") -> Program:
    """A program that points at one of everything."""
    champions = segment()
    inner = segment("Not champions", {"test": "segment", "operator": "not_in",
                                      "segment": champions.pk})  # fmt: skip
    product()
    health()
    tips = save_category("Product tips", actor=None)
    mail = make.mail_template(name="Hello mail", category=tips)
    hook, _ = make.webhook_endpoint(name="CRM")
    shown = dialog()
    kind = make.task_type(name="Check-in")
    book = make.playbook({"type_id": kind.pk}, name="First weeks", subject="person")
    in_segment = {"test": "segment", "segment": inner.pk}
    rich = {"test": "attribute", "name": "arr", "operator": "gt", "value": 5}
    company = {"test": "company", "match": "any", "rule": rich}
    opened = {"type": "event", "step": "mail", "event": "opened"}
    document = {
        "entry": {"sources": [{"kind": "segment", "segment": champions.pk}],
                  "re_enrolment": "every_time"},
        "goal": {"all": [in_segment, company]},
        "goal_exits": False,
        "exits": [{"name": "Gone", "rule": {"not": in_segment}}],
        "steps": [
            make.step("send_email", "mail", template=mail.pk),
            make.step("conditional_wait", "opened", amount=2, unit="days", logic="any",
                      conditions=[opened, {"type": "rule", "rule": in_segment}],
                      exits={"met": [], "not_met": [
                          make.step("call_webhook", "hook", endpoint=hook.pk,
                                    event_type="a.b", fields=[])]}),
            make.step("if_else", "asked", paths=[{"key": "yes", "label": "In", "rule": in_segment}],
                      exits={"yes": [make.step("trigger_engagement", "dialog",
                                               engagement=shown.pk)], "else": []}),
            make.step("set_attribute", "persona", attribute="persona", value="Champion"),
            make.step("human_task", "hit", title="Call", type=kind.pk),
            make.step("assign_playbook", "book", playbook=book.pk),
        ],
    }  # fmt: skip
    return create_program(name=name, description="Line one\nline two", document=document,
                          actor=None)  # fmt: skip
