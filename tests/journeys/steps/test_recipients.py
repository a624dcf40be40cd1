"""Whom a company's steps address, and the parts of its people (PRG-07, PRG-12)."""

import pytest
from django.core import mail as django_mail
from django.db import connection
from django.test.utils import CaptureQueriesContext

from csplatform.customers.models import CompanyOwner, Person
from csplatform.customers.operations.erase import erase_person
from csplatform.customers.operations.events import EventInput, record_events
from csplatform.customers.operations.memberships import link_people, unlink_people
from csplatform.customers.operations.merge import merge_people
from csplatform.kit.clock import database_now
from csplatform.kit.errors import DomainError
from journeys.emails import sender
from journeys.engine import advance, inbox
from journeys.models import Outbox, Part, Participant, Transition, Wait
from journeys.operations.enroll import enroll
from tests import factories as make

pytestmark = pytest.mark.django_db
EVERYBODY = [{"who": "everybody"}]


@pytest.fixture
def acme():
    """A company with a CSM and three people."""
    csm = make.staff("csm", email="kim@us.example", first_name="Kim", last_name="Berg")
    company = make.company(name="Acme", csm=csm)
    for name, role, persona in (
        ("Ann", "Head of ops", "Champion"), ("Bob", "Developer", ""), ("Cid", "developer", ""),
    ):  # fmt: skip
        make.person(name=name, email=f"{name}@acme.example", role=role, persona=persona, at=company)
    return company


def start(company, *steps):
    """A company program with these steps, entered and advanced once."""
    program = make.program(*steps, type="company")
    assert enroll(program.pk, [company.pk], actor=None).entered == 1
    participant = Participant.objects.get(program=program)
    go_on(participant)
    return participant


def go_on(participant):
    advance.run_ids([participant.pk])
    advance.run_ids([participant.pk])  # what was armed is looked at
    participant.refresh_from_db()


def mail(recipients=EVERYBODY, key="m1", **more):
    template = make.mail_template()
    return make.step("send_email", key, template=template.pk, recipients=recipients, **more)


def wait(quorum="any", count=2, event="opened", **more):
    condition = {"type": "event", "step": "m1", "event": event, "quorum": quorum, "count": count}
    exits = {"met": [make.step("exit", "yes", reason="yes")], "not_met": []}
    return make.step("conditional_wait", "w1", conditions=[condition], exits=exits, **more)


def opened(part):
    """One of them opens their mail."""
    record_events([EventInput("email.opened", person_id=part.person_id, ref=part.ref)])
    while inbox.pending():
        inbox.run_batch()


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ({"who": "everybody"}, ["Ann", "Bob", "Cid"]),
        ({"who": "role", "role": "DEVELOPER"}, ["Bob", "Cid"]),
        ({"who": "persona", "persona": "champion"}, ["Ann"]),
        (
            {"who": "rule", "rule": {"test": "attribute", "name": "name", "operator": "ends_with",
                                     "value": "d"}},
            ["Cid"],
        ),
        ({"who": "owner", "owner": "csm"}, ["kim@us.example"]),
        ({"who": "owner", "owner": "Sponsor"}, ["sue@us.example"]),
        ({"who": "address", "address": "board@acme.example"}, ["board@acme.example"]),
    ],
)  # fmt: skip
def test_who_is_addressed(acme, line, names):
    """One line alone; a part and a mail each."""
    sue = make.staff("csm", email="sue@us.example")
    CompanyOwner.objects.create(company=acme, user=sue, role="sponsor")
    start(acme, mail([line]))
    rows = list(Outbox.objects.order_by("pk"))
    assert [row.payload.get("to") or make_name(row) for row in rows] == names
    assert sorted(Part.objects.values_list("ref", flat=True)) == make.ids(rows)


def make_name(row):
    """The name of a message's person."""
    return Person.objects.get(pk=row.person_id).name


def test_lines_add_up_and_nobody_gets_it_twice(acme):
    """People by id, an address that is somebody's already once."""
    lines = [
        {"who": "everybody"}, {"who": "role", "role": "developer"},
        {"who": "address", "address": "ANN@acme.example"}, {"who": "owner", "owner": "csm"},
        {"who": "owner", "owner": "csm"},
    ]  # fmt: skip
    participant = start(acme, mail(lines))
    assert Outbox.objects.count() == 4
    assert {p.person_id for p in Part.objects.exclude(person_id=None)} == set(
        acme.memberships.values_list("person_id", flat=True)
    )
    told = Transition.objects.get(participant_id=participant.pk, kind="go").evidence
    assert told["recipients"] == 4


def test_who_has_no_address_has_a_part_that_says_so(acme):
    """The person's part fails, the company goes on."""
    make.person(name="Dan", email=None, at=acme)
    participant = start(acme, mail())
    assert Outbox.objects.count() == 3
    assert Part.objects.get(ref=None).refused == "No email address."
    assert participant.state == "completed"


def test_at_most_so_many_people(acme):
    """The limit of the step; the feed says how many were left out."""
    participant = start(acme, mail(most=2))
    told = Transition.objects.get(participant_id=participant.pk, kind="go").evidence
    assert (told["recipients"], told["left_out"]) == (2, 1)


@pytest.mark.parametrize(
    ("if_nobody", "reason"), [("go", "after"), ("branch", "none"), ("leave", "Nobody to send")]
)
def test_nobody_is_found(if_nobody, reason):
    """A company without people: on, by a path of its own, or out, as chosen."""
    step = mail(if_nobody=if_nobody)
    if if_nobody == "branch":
        step["exits"] = {"sent": [], "nobody": [make.step("exit", "none", reason="none")]}
    participant = start(make.company(), step, make.step("exit", "after", reason="after"))
    assert participant.state == "completed"
    assert participant.end_reason.startswith(reason)
    told = Transition.objects.filter(participant_id=participant.pk, kind="go").first()
    if if_nobody == "branch":
        assert told.exit == "nobody"


def test_the_csm_stands_as_sender(acme, settings):
    """Name and answers are the CSM's; staff get the mail untracked, people tracked."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    start(acme, mail([{"who": "persona", "persona": "Champion"}, {"who": "owner"}], sender="csm"))
    sender.run_batch()
    to = {message.to[0].lower(): message for message in django_mail.outbox}
    assert set(to) == {"ann@acme.example", "kim@us.example"}
    message = to["ann@acme.example"]
    assert message.from_email.startswith("Kim Berg <")
    assert message.reply_to == ["kim@us.example"]
    assert {row.state for row in Outbox.objects.all()} == {"sent"}


@pytest.mark.parametrize(
    ("quorum", "count", "needed"), [("any", 9, 1), ("all", 9, 3), ("count", 2, 2)]
)
def test_a_wait_for_any_all_or_some_of_them(acme, quorum, count, needed):
    """Each has a wait row of their own; the company goes on with the one that fills the quorum."""
    participant = start(acme, mail(), wait(quorum, count))
    assert Wait.objects.filter(participant=participant).count() == 3
    parts = list(Part.objects.order_by("pk"))
    for number, part in enumerate(parts[:needed], 1):
        assert participant.state == "active"
        opened(part)
        opened(part)  # again: counts once
        participant.refresh_from_db()
        assert (participant.end_reason == "yes") == (number == needed)
    row = Transition.objects.get(participant_id=participant.pk, kind="go", exit="met")
    told = row.evidence["conditions"][0]
    assert (told["did"], told["addressed"]) == (needed, 3)


def test_another_mail_of_the_same_person_counts_for_nothing(acme):
    """By their own message of this step."""
    participant = start(acme, mail(), wait())
    part = Part.objects.first()
    record_events([EventInput("email.opened", person_id=part.person_id, ref=part.ref + 1000)])
    inbox.run_batch()
    participant.refresh_from_db()
    assert participant.state == "active"


def test_nobody_addressed_is_never_everybody():
    """ "All" of none waits for its limit."""
    participant = start(make.company(), mail(), wait("all"))
    assert participant.state == "active"
    Participant.objects.update(limit_at=database_now(), due_at=database_now())
    go_on(participant)
    assert Transition.objects.filter(participant_id=participant.pk, exit="not_met").exists()


def test_people_leave_join_are_merged_and_erased_meanwhile(acme):
    """Who left keeps the part; who joins has none; two who turn out to be one count once; an
    erased one is waited for no more."""
    participant = start(acme, mail(), wait("all"))
    ann, bob, cid = Part.objects.order_by("pk")
    unlink_people([(ann.person_id, acme.pk)])
    link_people([(make.person().pk, acme.pk)])
    merge_people(bob.person_id, cid.person_id, actor=None)
    opened(ann)
    participant.refresh_from_db()
    assert participant.state == "active"
    bob.refresh_from_db()
    opened(bob)
    participant.refresh_from_db()
    assert participant.end_reason == "yes"


def test_an_erased_person_does_not_hold_up_all(acme):
    """Their part stays, emptied; it counts for nothing."""
    participant = start(acme, mail(), wait("all"))
    ann, bob, cid = Part.objects.order_by("pk")
    erase_person(cid.person_id, actor=make.staff())
    opened(ann)
    opened(bob)
    participant.refresh_from_db()
    assert participant.end_reason == "yes"
    cid.refresh_from_db()
    assert (cid.refused, cid.address) == ("erased", "")


def test_marks_name_the_line():
    """What is missing, at its place in the list."""
    lines = [
        {"who": "role"}, {"who": "address", "address": "nix"}, {"who": "rule", "rule": {}},
        {"who": "rule", "rule": {"test": "attribute", "name": "gone", "operator": "set"}},
        {"who": "owner", "owner": None},
    ]  # fmt: skip
    with pytest.raises(DomainError) as caught:
        make.program(mail(lines), type="company")
    paths = [p.path.removeprefix("/steps/0/config/recipients") for p in caught.value.problems]
    assert paths == ["/0/role", "/1/address", "/2/rule", "/3/rule/name", "/4/owner"]
    with pytest.raises(DomainError, match="Choose whom"):
        make.program(mail([]), type="company")
    with pytest.raises(DomainError, match="remove the recipients"):
        make.program(mail())


def test_one_or_many_companies_are_the_same_number_of_queries():
    """Also with people of their own."""
    lines = [{"who": "role", "role": "x"}, {"who": "owner"}, {"who": "owner", "owner": "sponsor"}]
    counts = []
    for size in (2, 60):
        program = make.program(mail(lines), wait(), type="company")
        rows = [make.company(csm=make.staff("csm", email="a@b.example")) for _ in range(size)]
        for row in rows:
            make.person(at=row, role="x")
        enroll(program.pk, make.ids(rows), actor=None)
        ids = make.ids(Participant.objects.filter(program=program))
        with CaptureQueriesContext(connection) as queries:
            advance.run_ids(ids)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_the_page_of_a_companys_run_shows_its_people(acme, client):
    """Who, at which step, what became of it."""
    participant = start(acme, mail(), wait("all"))
    opened(Part.objects.first())
    client.force_login(make.staff())
    page = client.get(f"/admin/journeys/participant/{participant.pk}/change/").content.decode()
    assert "What became of it" in page
    for words in ("Ann", "Bob", "Opened", "Waiting"):
        assert words in page
    answer = client.get(f"/api/v1/participants/{participant.pk}/parts/").json()["results"]
    assert [row["label"] for row in answer] == ["Ann", "Bob", "Cid"]
    assert [row["became"] for row in answer] == ["Opened", "Waiting", "Waiting"]


def test_what_is_opened_while_the_wait_is_being_armed_counts(acme):
    """The wait is committed and history not yet looked at: the opening is found there."""
    program = make.program(mail(), wait("any"), type="company")
    enroll(program.pk, [acme.pk], actor=None)
    participant = Participant.objects.get()
    advance.run_ids([participant.pk])
    participant.refresh_from_db()
    assert participant.phase == "arming"
    part = Part.objects.first()
    record_events([EventInput("email.opened", person_id=part.person_id, ref=part.ref)])
    advance.run_ids([participant.pk])
    participant.refresh_from_db()
    assert participant.end_reason == "yes"
