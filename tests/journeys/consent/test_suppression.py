"""Addresses that are not written to: bounces, complaints, by hand, erased (PRG-91, PRG-24)."""

import threading
from datetime import timedelta

import pytest
from django.db import connections

from csplatform.customers.operations.erase import erase_person
from csplatform.kit.clock import now
from csplatform.kit.errors import Conflict, DomainError, NotAllowed
from journeys.consent.bounces import is_hard
from journeys.consent.operations import (
    EVERYTHING,
    SOFT_BOUNCES,
    delete_category,
    lift_suppressions,
    note_bounce,
    note_complaint,
    save_category,
    set_preferences,
    suppress_address,
)
from journeys.emails import sender
from journeys.models import MailTrouble, Refusal
from journeys.operations.enroll import enroll
from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("answer", "hard"),
    [
        ("550 5.1.1 No such user", True),
        ("550 No such user", True),
        ("553 mailbox name not allowed", True),
        ("550 5.2.1 mailbox disabled", True),
        ("552 5.2.2 mailbox full", False),
        ("554 5.7.1 rejected by policy", False),
        ("550 5.7.26 unauthenticated", False),
        ("552 too large", False),
        ("", False),
    ],
)
def test_only_addresses_that_do_not_exist_bounce_hard(answer: str, hard: bool) -> None:
    """A policy or a full mailbox says nothing about the address."""
    assert is_hard(answer) is hard


def test_a_hard_bounce_suppresses_the_address_whoever_has_it(smtp, queue) -> None:
    """The server's refusal is remembered; the next mail is cancelled with the reason."""
    person = make.person(email="Gone@example.com")
    smtp.refuse_rcpt["Gone@example.com"] = "550 5.1.1 No such user"
    queue(person)
    sender.run_batch()
    trouble = MailTrouble.objects.get()
    assert (trouble.address, trouble.reason) == ("gone@example.com", "hard_bounce")
    again = queue(person, slot="again")
    sender.run_batch()
    again.refresh_from_db()
    assert again.state == "cancelled"
    assert "does not exist" in again.error


def test_soft_bounces_suppress_when_there_are_several_within_a_month() -> None:
    """The fifth does; one that is long ago begins anew."""
    for number in range(1, SOFT_BOUNCES):
        assert note_bounce("full@example.com", hard=False, detail="552").soft_bounces == number
    MailTrouble.objects.update(last_at=now() - timedelta(days=31))
    assert note_bounce("full@example.com", hard=False, detail="552").soft_bounces == 1
    for _ in range(SOFT_BOUNCES - 1):
        row = note_bounce("FULL@example.com", hard=False, detail="552")
    assert row.blocked_at is not None
    assert row.reason == "soft_bounces"


def test_lifting_writes_to_it_again(smtp, queue) -> None:
    """And the counting begins anew."""
    person = make.person(email="back@example.com")
    row = note_complaint("back@example.com", detail="spam button")
    admin = make.staff("admin")
    with pytest.raises(NotAllowed):
        lift_suppressions([row.pk], actor=make.staff("csm"))
    assert lift_suppressions([row.pk], actor=admin) == 1
    queue(person)
    sender.run_batch()
    assert smtp.counts() == {"back@example.com": 1}


def test_an_erased_address_stays_suppressed_without_its_text(smtp, queue) -> None:
    """CUS-04: recognised by its hash when it comes back; no row holds it."""
    person = make.person(email="forget@example.com")
    note_bounce("forget@example.com", hard=False, detail="forget@example.com: full")
    set_preferences(person.pk, {EVERYTHING}, actor=None, source="page")
    erase_person(person.pk, actor=None)
    assert not MailTrouble.objects.exists()
    back = queue(make.person(email="forget@example.com"))
    sender.run_batch()
    back.refresh_from_db()
    assert (back.state, smtp.received) == ("cancelled", [])


def test_a_fixed_address_of_a_step_is_looked_up_too(smtp, queue) -> None:
    """PRG-12: whoever the mail is about, it is the address that decides."""
    suppress_address("Team@example.com", actor=None)
    template = make.mail_template()
    payload = {"template": template.pk, "to": "team@example.com"}
    stopped = queue(template=template, payload=payload, slot="fixed")
    payload = {**payload, "to": "sales@example.com"}
    sent = queue(template=template, payload=payload, slot="fixed")
    sender.run_batch()
    stopped.refresh_from_db()
    sent.refresh_from_db()
    assert (stopped.state, sent.state) == ("cancelled", "sent")


def test_they_are_refused_at_the_door_with_the_reason() -> None:
    """PRG-24: bounced and unsubscribed people do not enter; operational mail excuses the wish."""
    notices = save_category("Your account", is_operational=True, actor=None)
    mail, notice = make.mail_template(), make.mail_template(category=notices)
    program = make.program(make.step("send_email", "mail", template=mail.pk))
    excused = make.program(make.step("send_email", "mail", template=notice.pk))
    fine, left, bounced = make.person(), make.person(), make.person()
    set_preferences(left.pk, {EVERYTHING}, actor=None, source="page")
    note_bounce(bounced.email, hard=True, detail="550 5.1.1")
    everybody = [fine.pk, left.pk, bounced.pk]
    result = enroll(program.pk, everybody, actor=None)
    assert (result.entered, dict(result.refused)) == (1, {"unsubscribed": 1, "bounced": 1})
    assert set(Refusal.objects.values_list("person_id", "reason")) == {
        (left.pk, "unsubscribed"), (bounced.pk, "bounced"),
    }  # fmt: skip
    assert enroll(excused.pk, everybody, actor=None).entered == 2


@pytest.mark.parametrize("address", ["", "nonsense", "a@b", "x" * 300 + "@example.com"])
def test_what_is_no_address_cannot_be_suppressed(address: str) -> None:
    """REL-03: a clear error with its path."""
    with pytest.raises(DomainError) as error:
        suppress_address(address, actor=None)
    assert error.value.problems[0].path == "/address"


def test_a_category_in_use_stays(tips) -> None:
    """Its templates are named; a taken name is a conflict."""
    make.mail_template(name="Two tips", category=tips)
    with pytest.raises(Conflict, match="Two tips"):
        delete_category(tips.pk, actor=None)
    with pytest.raises(Conflict):
        save_category("Product tips", actor=None)


@pytest.mark.django_db(transaction=True)
def test_two_senders_at_once_count_twice() -> None:
    """One statement counts, so none is lost."""

    def bounce() -> None:
        note_bounce("busy@example.com", hard=False, detail="452")
        connections.close_all()

    threads = [threading.Thread(target=bounce) for _ in range(SOFT_BOUNCES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    row = MailTrouble.objects.get()
    assert row.soft_bounces == SOFT_BOUNCES
    assert row.blocked_at is not None
