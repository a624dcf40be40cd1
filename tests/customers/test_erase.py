"""Erasing a person: nothing is left by which anybody could tell who it was (CUS-04)."""

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core import mail as django_mail
from django.test import override_settings
from django.urls import reverse

from csplatform.accounts.models import AuditEntry
from csplatform.api.models import RememberedAnswer
from csplatform.customers.models import (
    AttributeChange,
    Event,
    ExternalId,
    Membership,
    MembershipChange,
    Person,
    SuppressedAddress,
)
from csplatform.customers.operations.attributes import patch_attributes
from csplatform.customers.operations.erase import address_digest, erase_person
from csplatform.customers.operations.events import EventInput, record_events
from csplatform.customers.operations.memberships import link_people
from csplatform.customers.operations.merge import merge_people
from csplatform.customers.operations.people import PersonInput, upsert_people
from csplatform.freshness.models import Touch
from csplatform.kit import audit, sql
from csplatform.kit.clock import now
from csplatform.kit.errors import Conflict, DomainError, NotAllowed
from csplatform.segments.models import Member, MemberChange, Segment
from csplatform.segments.operations.definition import SegmentInput, save_segment
from csplatform.segments.operations.membership import add_members
from engagements.inapp.models import Invitation, Showing
from engagements.tracker.models import RejectedEvent, Visitor
from journeys.emails.sender import run_batch
from journeys.models import CapturedMail, Outbox, Participant, Refusal, Transition, Wait
from journeys.operations.enroll import enroll
from tests import factories as make
from tests.customers import make as cast
from tests.engagements import make as site
from tests.journeys.engine.test_advance import pass_time

pytestmark = pytest.mark.django_db
EMAIL, NAME, EXTERNAL = "Zelda.Quux@Erase-Me.example", "Zelda Quuxfield", "ext-zq-7781"
OLD_EMAIL, TWIN = "zq.old@erase-me.example", "zelda.twin@erase-me.example"
CAPTURED = "journeys.emails.captured.CapturedMailBackend"


def zelda() -> Person:
    """A person who is known by an address, a name and an id."""
    given = PersonInput(email=OLD_EMAIL, external_id=EXTERNAL, name=NAME)
    found = Person.objects.get(pk=upsert_people([given])[0].id)
    patch_attributes("person", {found.pk: {"email": EMAIL}}, cause={})
    found.refresh_from_db()
    return found


def everywhere(needles: list[str]) -> list[tuple[str, str, str]]:
    """(table, column, needle) of everything in the database that holds one of these as text."""
    columns = sql.rows(
        "SELECT c.table_name, c.column_name FROM information_schema.columns c"
        " JOIN information_schema.tables t USING (table_schema, table_name)"
        " WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' AND (c.data_type IN"
        "  ('text', 'json', 'jsonb', 'character varying', 'character') OR c.data_type = 'ARRAY')"
    )
    holds = 'SELECT 1 FROM "{}" WHERE "{}"::text ILIKE %s LIMIT 1'
    return [
        (table, column, needle)
        for table, column in columns
        for needle in needles
        if sql.one(holds.format(table, column), [f"%{needle}%"])
    ]


@override_settings(EMAIL_BACKEND=CAPTURED)
def test_nothing_in_the_database_names_an_erased_person(run_lanes, client):
    """CUS-04: seeded in every room, erased, and looked for in every text of every table."""
    cast.attribute("nick")
    someone, acme = zelda(), make.company(name="Acme")
    twin = make.person(email=TWIN, name="Zelda Twin")
    merge_people(someone.pk, twin.pk, actor=None)
    staff = make.staff("admin")
    # history, companies, lists, events
    patch_attributes("person", {someone.pk: {"nick": "Zelda Quux"}}, actor=staff)
    Membership.objects.create(person=someone, company=acme, is_primary=True)
    segment = save_segment(SegmentInput(name="List", subject="person", kind="static"), actor=None)
    add_members(segment.pk, [someone.pk], actor=staff)
    record_events([
        EventInput("note", person_id=someone.pk, properties={"by": NAME, "to": EMAIL.lower()})
    ])  # fmt: skip
    # programs: a mail that leaves, one that does not, a written attribute, a refusal
    template = make.mail_template(subject="Dear {{ person.name }}")
    program = make.program(
        make.step("send_email", "ml", template=template.pk),
        make.step("set_attribute", "sa", attribute="nick", value="Customer"),
        make.step("conditional_wait", "cw", amount=1, unit="hours",
                  conditions=[{"type": "event", "step": "ml", "event": "opened"}],
                  exits={"met": [], "not_met": []}),
        make.step("conditional_wait", "c2", amount=9, unit="hours",
                  conditions=[{"type": "event", "step": "ml", "event": "clicked"}],
                  exits={"met": [], "not_met": []}),
    )  # fmt: skip
    enroll(program.pk, [someone.pk], actor=staff)
    run_lanes("live")
    while run_batch():
        pass
    pass_time(hours=1, minutes=1)
    run_lanes("live")
    assert CapturedMail.objects.get().recipients == EMAIL
    assert Wait.objects.filter(closed_at__isnull=False).exists()
    Outbox.objects.create(
        person_id=someone.pk, slot=EMAIL, due_at=now(), created_at=now(), participant_id=99,
        payload={"to": EMAIL}, error=f"<{EMAIL}> unknown",
    )  # fmt: skip
    Refusal.objects.create(program=program, person=someone, reason="x", detail=NAME, at=now())
    # the tracker
    source = site.source()
    browser = site.Browser(source)
    browser.identify(EXTERNAL, email=EMAIL, name=NAME)
    browser.post(site.item("track", event="", name=NAME, properties={"mail": EMAIL}))
    RejectedEvent.objects.create(source_id=source.pk, code="x", reason="bad", at=now(),
                                 excerpt=f'{{"email": "{EMAIL}"}}')  # fmt: skip
    assert Visitor.objects.filter(person_id=someone.pk).exists()
    # what others remember
    audit.record(staff, "person.change", someone, after={"name": NAME, "email": EMAIL})
    LogEntry.objects.create(
        user=staff, content_type=ContentType.objects.get_for_model(Person), object_id=someone.pk,
        object_repr=NAME, action_flag=CHANGE, change_message=f"Added {NAME} at Acme",
    )  # fmt: skip
    RememberedAnswer.objects.create(
        caller="user:1", key="k", fingerprint="f", status=200, created_at=now(),
        body={"email": EMAIL, "name": NAME},
    )  # fmt: skip
    needles = [EMAIL, OLD_EMAIL, TWIN, NAME, EXTERNAL, "Zelda"]
    assert {needle for *_, needle in everywhere(needles)} == set(needles)

    assert erase_person(someone.pk, actor=staff) is True
    run_lanes("live", "bulk")
    while run_batch():
        pass
    assert everywhere(needles) == []


def test_what_stays_and_what_ends(run_lanes):
    """CUS-04: runs, waits, mail, companies, lists; the numbers stay, and a hash of the address."""
    someone, acme = zelda(), make.company()
    Membership.objects.create(person=someone, company=acme, is_primary=True)
    segment = save_segment(SegmentInput(name="List", subject="person", kind="static"), actor=None)
    add_members(segment.pk, [someone.pk], actor=None)
    program = make.program(
        make.step("send_email", "ml", template=make.mail_template().pk),
        make.step("conditional_wait", "cw", conditions=[
            {"type": "event", "step": "ml", "event": "opened"}], exits={"met": [], "not_met": []}),
    )  # fmt: skip
    enroll(program.pk, [someone.pk], actor=None)
    run_lanes("live")
    record_events([EventInput("login", person_id=someone.pk)])
    staff = make.staff("admin")
    assert erase_person(someone.pk, actor=staff) is True
    someone.refresh_from_db()
    assert (someone.email, someone.name, someone.attributes) == (None, "", {})
    assert someone.erased_at is not None
    run = Participant.objects.get()
    assert (run.state, run.end_reason, run.due_at) == ("removed", "erased", None)
    assert Transition.objects.filter(participant_id=run.pk, kind="leave").count() == 1
    assert not Wait.objects.exists()
    assert Outbox.objects.get().state == "cancelled"
    assert not ExternalId.objects.exists()
    assert list(MembershipChange.objects.values_list("joined", flat=True)) == [False]
    assert not Member.objects.exists()
    assert list(MemberChange.objects.order_by("id").values_list("entered", flat=True)) == [
        True,
        False,
    ]
    assert Segment.objects.get().member_count == 0
    assert Event.objects.filter(person_id=someone.pk).count() == 1
    assert AttributeChange.objects.filter(name="email").count() == 1
    digests = set(SuppressedAddress.objects.values_list("digest", flat=True))
    assert digests == {address_digest(EMAIL), address_digest(OLD_EMAIL.upper())}
    assert AuditEntry.objects.get(verb="person.erase").subject_label == f"Person {someone.pk}"
    assert Touch.objects.filter(subject_id=someone.pk, key="everything").exists()
    assert enroll(program.pk, [someone.pk], actor=None).entered == 0


def test_erasing_twice_is_once():
    """Everything may run twice."""
    someone = make.person()
    assert erase_person(someone.pk, actor=None) is True
    assert erase_person(someone.pk, actor=None) is False
    assert AuditEntry.objects.filter(verb="person.erase").count() == 1


def test_the_address_is_free_again():
    """Somebody who comes back under the same address is a new person."""
    someone = zelda()
    erase_person(someone.pk, actor=None)
    again = upsert_people([PersonInput(email=EMAIL, external_id=EXTERNAL)])[0]
    assert again.created
    assert again.id != someone.pk


def test_who_was_merged_away_is_erased_with_the_winner():
    """The tombstone keeps nothing; alone it cannot be erased, and nobody is merged with nobody."""
    winner, loser, other = zelda(), make.person(), make.person()
    merge_people(winner.pk, loser.pk, actor=None)
    with pytest.raises(Conflict):
        erase_person(loser.pk, actor=None)
    erase_person(winner.pk, actor=None)
    loser.refresh_from_db()
    assert (loser.email, loser.name) == (None, "")
    with pytest.raises(Conflict):
        merge_people(other.pk, winner.pk, actor=None)
    with pytest.raises(DomainError):
        erase_person(999_999, actor=None)


def test_a_mail_that_is_being_claimed_does_not_leave():
    """REL-02: who is erased between the claim and the sending gets nothing."""
    someone = make.person()
    program = make.program(make.step("send_email", "ml", template=make.mail_template().pk))
    enroll(program.pk, [someone.pk], actor=None)
    erase_person(someone.pk, actor=None)
    while run_batch():
        pass
    assert not django_mail.outbox


def test_open_invitations_are_withdrawn_and_pages_forgotten():
    """ENG-04: nothing is shown to nobody."""
    someone, engagement = make.person(), site.engagement()
    invited = {"engagement": engagement, "person": someone, "program_id": 1, "step_id": 1,
               "step_key": "tr", "created_at": now()}  # fmt: skip
    row = Invitation.objects.create(participant_id=1, **invited)
    Showing.objects.create(
        execution="8a4e6f0e-4d7b-4a57-9a61-1f7f3f0d7f11", engagement=engagement, release=1,
        invitation_id=row.pk, visitor_id=1, person=someone, created_at=now(), url="/zelda",
    )  # fmt: skip
    erase_person(someone.pk, actor=None)
    row.refresh_from_db()
    assert (row.state, row.reason) == ("withdrawn", "erased")
    assert Showing.objects.get().url == ""


@pytest.mark.parametrize("role", ["program_manager", "csm", "read_only"])
def test_only_admins_erase(role, client):
    """SEC-01: over all doors."""
    someone = make.person()
    staff = make.staff(role)
    with pytest.raises(NotAllowed):
        erase_person(someone.pk, actor=staff)
    client.force_login(staff)
    assert client.post(f"/api/v1/people/{someone.pk}/erase/").status_code == 403
    page = reverse("admin:customers_person_erase", args=[someone.pk])
    assert client.post(page).status_code in (302, 403)
    someone.refresh_from_db()
    assert someone.erased_at is None


def test_the_page_says_what_will_happen_and_does_it(client):
    """UX: a question first, and nothing happens before the answer."""
    someone = zelda()
    client.force_login(make.staff("admin"))
    page = reverse("admin:customers_person_erase", args=[someone.pk])
    edit = client.get(reverse("admin:customers_person_change", args=[someone.pk]))
    assert page in edit.content.decode()
    asked = client.get(page).content.decode()
    assert "cannot be undone" in asked
    assert Person.objects.get(pk=someone.pk).erased_at is None
    assert client.post(page).status_code == 302
    assert Person.objects.get(pk=someone.pk).erased_at is not None


def test_erasing_over_the_api(client):
    """API-01: twice gives the same answer."""
    someone = zelda()
    client.force_login(make.staff("admin"))
    for _ in range(2):
        answer = client.post(f"/api/v1/people/{someone.pk}/erase/")
        assert answer.status_code == 200
        assert answer.json()["erased_at"]


def test_nothing_new_is_written_about_an_erased_person():
    """CUS-04: not by id either; others of the same request are not changed half."""
    gone, other, acme = make.person(), make.person(), make.company()
    erase_person(gone.pk, actor=None)
    with pytest.raises(DomainError) as refused:
        patch_attributes("person", {gone.pk: {"name": "Again"}, other.pk: {"name": "New"}})
    assert [problem.path for problem in refused.value.problems] == [f"/{gone.pk}"]
    with pytest.raises(DomainError):
        link_people([(gone.pk, acme.pk)])
    assert not Membership.objects.exists()
    assert not Person.objects.filter(name__in=["Again", "New"]).exists()
