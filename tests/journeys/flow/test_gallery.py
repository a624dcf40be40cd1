"""Ready programs: each publishes unedited and carries somebody to its goal (PRG-83)."""

import random
from datetime import timedelta

import pytest
from django.core import mail
from django.urls import reverse

from csplatform.billing.ledger import INVOICES, SUBSCRIPTIONS
from csplatform.billing.operations.upsert import BillingInput, upsert
from csplatform.customers.models import Company
from csplatform.customers.operations.attributes import patch_attributes
from csplatform.customers.operations.companies import (
    CompanyInput,
    CompanyRef,
    assign_csm,
    upsert_companies,
)
from csplatform.customers.operations.events import EventInput, record_events
from csplatform.demo.base import build_attributes, build_staff
from csplatform.demo.parts import World, demo_parts
from csplatform.health.operations import MeasureInput, ProfileInput, save_profile, set_pulse
from csplatform.kit import sql
from csplatform.kit.clock import now
from csplatform.kit.errors import DomainError
from csplatform.segments.models import Member, Segment
from csplatform.segments.operations.definition import SegmentInput, save_segment
from engagements.inapp.models import Engagement
from journeys.flow.checks import check_flow, errors
from journeys.flow.gallery import find_template, flow_and_names, gallery_folders, templates
from journeys.flow.parse import parse_flow
from journeys.flow.picture import draw
from journeys.models import EmailTemplate, Outbox, Participant, Program, Task
from journeys.operations.enroll import enroll
from journeys.operations.publish import publish_program
from journeys.operations.use_template import use_template
from journeys.playbooks.operations.close import close_tasks
from tests import factories as make
from tests.engagements import make as site

pytestmark = pytest.mark.django_db
KEYS = [template.key for template in templates()]


class Story:
    """Somebody's way through a program, told in what really happens."""

    def __init__(self, run_lanes):
        self.run_lanes = run_lanes
        self.company = upsert_companies(
            [CompanyInput(name="Maple Works", attributes={"arr": 0, "stage": "live"})]
        )[0].id
        self.person = 0
        self.csm = make.staff("csm", email="csm@example.com")

    def start(self, key):
        """Use the template unedited, publish it, and let somebody come who is meant by it."""
        self.program, _ = use_template(find_template(key), actor=None)
        publish_program(self.program.pk, actor=None)
        self.run_lanes()
        self.person = site.person(companies=[CompanyRef(id=self.company)])
        self.run_lanes()
        return self

    def does(self, name, times=1, days_ago=0, **more):
        """Something in the product."""
        at = now() - timedelta(days=days_ago) if days_ago else None
        record_events([EventInput(name, person_id=self.person, occurred_at=at, **more)] * times)
        self.run_lanes()

    def gets_a_csm(self):
        """Somebody of ours looks after the company."""
        assign_csm([self.company], self.csm, actor=None)
        self.run_lanes()

    def invoice_is(self, **values):
        """Its one invoice."""
        entry = BillingInput("inv-1", company=CompanyRef(id=self.company), values=values)
        upsert(INVOICES, [entry], actor=None)
        self.run_lanes()

    def renews_in(self, days):
        """The company's renewal date."""
        self.company_is(renewal_date=(now() + timedelta(days=days)).date().isoformat())

    def closes(self, title):
        """The CSM does the task and says that it went well."""
        task = Task.objects.get(title=title)
        close_tasks([task.pk], outcome="successful", actor=None)
        self.run_lanes()

    def is_put_in(self):
        """By hand, where a template leaves open who enters."""
        subject = self.person if self.program.type == "person" else self.company
        assert enroll(self.program.pk, [subject], actor=None).entered == 1
        self.run_lanes()

    def company_is(self, **attributes):
        """Facts about the company."""
        patch_attributes("company", {self.company: attributes}, cause={"how": "test"})
        self.run_lanes()

    def person_is(self, **attributes):
        """Facts about the person."""
        patch_attributes("person", {self.person: attributes}, cause={"how": "test"})
        self.run_lanes()

    def days_pass(self, days):
        """All moments of the run move into the past instead."""
        sql.run(
            "UPDATE journeys_participant SET due_at = due_at - %(d)s, limit_at = limit_at - %(d)s,"
            " step_since = step_since - %(d)s",
            {"d": timedelta(days=days, minutes=1)},
        )
        self.run_lanes()

    def got(self, step):
        """The mail of a step is in the outbox."""
        found = Outbox.objects.filter(program_id=self.program.pk, step_key=step)
        assert found.count() == 1, f"no mail of {step}"
        return found.get()

    def clicks(self, step):
        """The button in the mail of a step, as the tracked link records it."""
        message = self.got(step)
        mail = EmailTemplate.objects.get(pk=message.payload["template"])
        url = next(block["url"] for block in mail.blocks if block["kind"] == "button")
        self.does("email.clicked", ref=message.pk, properties={"url": url})

    def completes(self, button):
        """The engagement that is due, in a real browser's words."""
        browser = site.Browser(site.source())
        browser.identify("u-1")
        show = browser.look()
        assert show is not None
        browser.report(show, "viewed")
        browser.report(show, "completed", button=button)
        self.run_lanes()

    @property
    def runs(self):
        """The participants; there is one."""
        return Participant.objects.filter(program=self.program)

    def reached(self):
        """The goal is tagged."""
        run = self.runs.get()
        assert run.goal_at is not None
        assert run.state != "failed"


def onboarding_drip(story):
    assert story.runs.count() == 1
    story.got("welcome")
    story.days_pass(2)
    story.clicks("first")
    story.got("team")
    story.does("project_created")


def feature_introduction(story):
    story.does("signed_in", times=2)
    story.got("news")
    story.days_pass(4)
    story.got("example")
    story.does("report_exported")


def win_back(story):
    story.does("signed_in", days_ago=40)
    story.got("missyou")
    story.days_pass(4)
    story.got("word")
    story.does("signed_in")


def key_feature_unused(story):
    story.does("signed_in", times=2)
    story.got("why")
    story.person_is(persona="Champion")
    story.days_pass(7)
    story.got("offer")
    story.does("report_exported")


def mail_and_reminder(story):
    story.is_put_in()
    story.days_pass(3)
    story.clicks("reminder")


def hold_out(story):
    story.is_put_in()
    story.does("signed_in")


def large_accounts(story):
    story.company_is(arr=50000)
    assert story.runs.count() == 1
    story.days_pass(14)


def renewal_stage(story):
    story.company_is(renewal_date=(now() + timedelta(days=30)).date().isoformat())


def review_request(story):
    story.does("signed_in", times=8)
    story.does("report_exported")
    story.clicks("ask")
    story.days_pass(1)
    story.got("thanks")


def case_study(story):
    story.company_is(arr=50000)
    story.person_is(persona="Champion")
    story.clicks("ask")
    assert Task.objects.get(person=story.person).reason == "Case study"


def welcome_tour(story):
    story.got("mail")
    story.days_pass(2)
    story.completes("Let us begin")
    assert story.runs.get().step.key == "week"
    story.does("project_created")


def release_video(story):
    story.does("signed_in", times=2)
    story.completes("Watch the video")


def renewal_playbook(story):
    story.company_is(renewal_date=(now() + timedelta(days=30)).date().isoformat())
    tasks = Task.objects.filter(run__company=story.company)
    assert tasks.count() == 3
    story.days_pass(40)
    assert Task.objects.filter(title="The renewal of Maple Works is behind").exists()
    close_tasks(tasks.values_list("pk", flat=True), actor=None)
    story.run_lanes()


def training_call(story):
    story.days_pass(3)
    task = Task.objects.get(person=story.person)
    close_tasks([task.pk], outcome="successful", actor=None)
    story.run_lanes()


def assign_csm_in_turn(story):
    assert Company.objects.get(pk=story.company).csm == story.csm
    assert Task.objects.get(company=story.company).assignee == story.csm
    story.got("tell")


def invoice_reminder(story):
    story.gets_a_csm()
    story.person_is(persona="Decision maker")
    story.invoice_is(amount=90, due_on=(now() - timedelta(days=3)).date().isoformat())
    mails = Outbox.objects.filter(program_id=story.program.pk, step_key="first")
    assert mails.count() == 2  # to who decides, and to the CSM
    story.days_pass(7)
    story.got("second")
    story.days_pass(7)
    assert Task.objects.filter(reason="Overdue invoice").exists()
    story.invoice_is(status="paid")


def renewal_countdown(story):
    story.person_is(persona="Decision maker")
    story.renews_in(80)
    assert Task.objects.filter(run__company=story.company).count() == 4
    story.got("ahead")
    story.renews_in(59)
    story.got("next")
    story.days_pass(30)
    assert Task.objects.filter(title__contains="a month away and not done").exists()
    assert story.runs.get().goal_at is None
    story.renews_in(420)


def not_on_track(story):
    story.gets_a_csm()
    pulse = MeasureInput("pulse", [[50, 10], [None, 100]])
    save_profile(ProfileInput("Everybody", measures=[pulse]), actor=None)
    set_pulse(story.company, 20, actor=None)
    story.run_lanes()
    assert Task.objects.get(company=story.company).reason == "Low usage"
    story.days_pass(10)
    story.got("tell")
    set_pulse(story.company, 80, actor=None)
    story.run_lanes()


def feedback_talk(story):
    story.does("signed_in", times=20)
    story.does("report_exported", times=3)
    story.closes("Ask Maple Works for feedback")


def company_feature_unused(story):
    story.does("signed_in", times=3)
    story.got("miss")
    story.person_is(persona="Champion")
    story.days_pass(7)
    story.got("together")
    story.days_pass(7)
    assert Task.objects.filter(title="Show Maple Works the reports").exists()
    story.does("report_exported")


def stakeholder_meeting(story):
    story.person_is(persona="Champion")
    story.gets_a_csm()
    story.clicks("ask")
    story.closes("Prepare the meeting with Maple Works")


def value_report(story):
    story.person_is(persona="Decision maker")
    story.does("report_exported", times=7)
    story.renews_in(110)
    story.closes("Check the value report of Maple Works")
    assert "7 reports exported, 1 people on board" in mail.outbox[-1].body
    story.clicks("report")
    story.renews_in(475)


STORIES = {
    story.__name__: story
    for story in (
        onboarding_drip, feature_introduction, win_back, key_feature_unused, mail_and_reminder,
        hold_out, large_accounts, renewal_stage, review_request, case_study, welcome_tour,
        release_video, renewal_playbook, training_call, assign_csm_in_turn, invoice_reminder,
        renewal_countdown, not_on_track, feedback_talk, company_feature_unused,
        stakeholder_meeting, value_report,
    )
}  # fmt: skip

# The use cases of the articles that the steps of today can carry, and who travels them.
USE_CASES = {
    "self-onboarding drip": ("onboarding_drip", "person"),
    "feature introduction": ("feature_introduction", "person"),
    "inactive-user win-back": ("win_back", "person"),
    "training call with a delayed task": ("training_call", "person"),
    "welcome email and walk-through": ("welcome_tour", "person"),
    "release video": ("release_video", "person"),
    "CSM round robin": ("assign_csm_in_turn", "company"),
    "overdue-invoice reminder": ("invoice_reminder", "company"),
    "review request": ("review_request", "person"),
    "renewal in 60 days": ("renewal_playbook", "company"),
    "renewal in 90 days": ("renewal_countdown", "company"),
    "feedback task": ("feedback_talk", "company"),
    "key feature unused by a person": ("key_feature_unused", "person"),
    "key feature unused at an account": ("company_feature_unused", "company"),
    "account not on track": ("not_on_track", "company"),
    "periodic stakeholder meeting": ("stakeholder_meeting", "company"),
    "value report": ("value_report", "company"),
    "case-study request": ("case_study", "person"),
}
# What each of these is about; a template without it would be another use case.
MAKES = {
    "training_call": "human_task", "welcome_tour": "trigger_engagement",
    "release_video": "trigger_engagement", "assign_csm_in_turn": "assign_csm",
    "invoice_reminder": "send_email", "renewal_playbook": "assign_playbook",
    "renewal_countdown": "assign_playbook", "feedback_talk": "human_task",
    "company_feature_unused": "send_email", "not_on_track": "human_task",
    "stakeholder_meeting": "human_task", "value_report": "send_email", "case_study": "human_task",
}  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
def test_somebody_travels_it_to_its_goal(key, run_lanes):
    """Unedited; in through its segment, through its mails and waits, to its goal."""
    story = Story(run_lanes).start(key)
    STORIES[key](story)
    story.reached()
    sources = story.program.draft["entry"]["sources"]
    for source in sources:
        segment = Segment.objects.get(pk=source["segment"])
        subject = story.person if segment.subject == "person" else story.company
        was_in = Member.objects.filter(segment=segment, subject_id=subject).exists()
        assert was_in or story.runs.get().goal_at  # the goal may have taken them out again


def test_the_meeting_is_asked_for_again_in_a_quarter(run_lanes):
    """By itself; the meeting of the last quarter does not count for this one."""
    story = Story(run_lanes).start("stakeholder_meeting")
    stakeholder_meeting(story)
    for table, name in (("participant", "entered"), ("participant", "ended"), ("task", "closed")):
        sql.run(f"UPDATE journeys_{table} SET {name}_at = {name}_at - interval '91 days'")
    run_lanes()
    again = story.runs.latest("pk")
    assert story.runs.count() == 2
    assert (again.state, again.goal_at) == ("active", None)


def test_a_renewal_is_known_by_the_subscription_too(run_lanes):
    """Without a renewal date: its end lets the company in, its extension is the goal."""
    story = Story(run_lanes).start("renewal_countdown")
    for days, goal in ((80, False), (59, False), (425, True)):
        ends = (now() + timedelta(days=days)).date().isoformat()
        entry = BillingInput("s", company=CompanyRef(id=story.company), values={"ends_on": ends})
        upsert(SUBSCRIPTIONS, [entry], actor=None)
        run_lanes()
        run = story.runs.get()
        assert (run.goal_at is not None) == goal
        assert run.step.key == {80: "sixty"}.get(days, "done")


@pytest.mark.parametrize("key", KEYS)
def test_it_publishes_unedited_on_the_demo_tenant(key):
    """With the demo's attributes, segments and mails beside it; existing names are reused."""
    world = World(now(), lambda text: None, random.Random(1))
    build_staff(world)
    build_attributes(world)
    world.person_ids = make.ids(make.people(20))
    for part in ("usage", "segments", "mails", "dialog"):
        demo_parts.get(part).build(world)
    program, changes = use_template(find_template(key), actor=world.staff["manager"])
    assert not errors(
        check_flow(parse_flow(program.draft), subject=program.type, program_id=program.pk)
    )
    publish_program(program.pk, actor=world.staff["manager"])
    program.refresh_from_db()
    assert program.state == "active"
    again, changes = use_template(find_template(key), actor=world.staff["manager"])
    assert {change.what for change in changes} <= {"reused"}
    assert again.pk != program.pk
    assert again.draft == program.draft


def test_every_file_is_a_template_and_has_a_story():
    """A new file without a story fails here, not at a customer."""
    files = [path.stem for folder in gallery_folders for path in folder.glob("*.yaml")]
    assert sorted(files) == sorted(KEYS) == sorted(STORIES)


@pytest.mark.parametrize("case", USE_CASES)
def test_every_use_case_that_can_exist_has_its_template(case):
    """Of the right travellers, with a goal, and with the step that it is about."""
    key, subject = USE_CASES[case]
    template = find_template(key)
    assert template.type == subject
    assert template.program["goal"]
    assert f"'kind': '{MAKES.get(key, 'send_email')}'" in str(template.program["steps"])


@pytest.mark.parametrize("key", KEYS)
def test_files_are_written_as_an_export_would_be_read(key):
    """Mails speak to somebody, also to those whose name is not known; a picture is drawn."""
    template = find_template(key)
    mails = template.of_kind("email_template")
    assert not mails or any("default:" in str(mail) for mail in mails)
    assert "{{ person.first_name }}" not in str(mails)
    flow, _ = flow_and_names(template)
    picture = draw(flow)
    assert len(picture.boxes) > 1
    assert all(0 <= box.x <= picture.width for box in picture.boxes)
    for label, name in template.brings:
        assert label
        assert name


def test_a_template_that_cannot_be_made_leaves_nothing_behind():
    """A segment of companies has the name: nothing is half made."""
    save_segment(SegmentInput("Gone quiet", subject="company"), actor=None)
    with pytest.raises(DomainError, match="does not hold people"):
        use_template(find_template("win_back"), actor=None)
    assert not EmailTemplate.objects.exists()
    assert not Program.objects.exists()


# --- pages --------------------------------------------------------------------------------------


@pytest.fixture
def manager(client):
    client.force_login(make.staff("program_manager"))
    return client


def test_a_new_program_begins_in_the_gallery(manager):
    """Models and templates, with a picture, who travels it and what comes along."""
    answer = manager.get(reverse("admin:journeys_program_add"), follow=True)
    text = answer.text
    assert "Start with a model" in text
    for template in templates():
        assert template.label in text
    assert text.count('<svg class="gl-picture"') == len(templates())


def test_the_gallery_is_searched_and_filtered(manager):
    """By words, who travels it, and purpose."""
    url = reverse("admin:journeys_program_gallery")
    assert "Release video" not in manager.get(url, {"type": "company"}).text
    found = manager.get(url, {"q": "walk-through"}).text
    assert "Welcome email and product walk-through" in found
    assert "Mail with a hold-out" not in found
    assert "No template fits" in manager.get(url, {"q": "zebra"}).text
    assert "Mark large accounts" in manager.get(url, {"purpose": "Accounts"}).text


def test_a_template_is_seen_large_and_used(manager):
    """The preview names what is there already; using it opens the editor with a message."""
    make.mail_template(name="Walk-through 1: welcome")
    url = reverse("admin:journeys_program_template", args=["welcome_tour"])
    page = manager.get(url).text
    assert "is there already" in page
    assert "Shows “Walk-through: three steps” inside the product" in page
    answer = manager.post(url, {"name": "Our welcome", "folder": "Lifecycle"})
    program = Program.objects.get(name="Our welcome")
    assert answer["Location"] == reverse("admin:journeys_program_flow", args=[program.pk])
    assert program.folder.name == "Lifecycle"
    assert Engagement.objects.get().state == "launched"
    assert EmailTemplate.objects.filter(name="Walk-through 1: welcome").count() == 1
    told = manager.get(answer["Location"]).text
    assert "Made along with it" in told
    assert "Used as it was there already" in told


def test_who_may_not_build_sees_no_gallery(client):
    """A CSM works with programs but does not make them."""
    client.force_login(make.staff("csm"))
    assert client.get(reverse("admin:journeys_program_gallery")).status_code == 403
