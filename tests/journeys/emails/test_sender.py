"""The sender: each mail at most once, nothing lost (REL-02, PRG-93)."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from csplatform.customers.models import Event, EventName
from csplatform.customers.operations.merge import merge_people
from csplatform.kit.clock import now
from journeys.emails import claims, sender
from journeys.emails.operations import mark_sent, send_again, send_test
from journeys.models import AttentionEntry, EmailTemplateRevision, Outbox, Participant
from journeys.operations.enroll import enroll
from journeys.operations.life import pause_program, resume_program, stop_program
from tests import factories as make

pytestmark = [pytest.mark.smoke, pytest.mark.django_db]


def events(name):
    found = EventName.objects.filter(name=name).first()
    return list(Event.objects.filter(name_id=found.pk)) if found else []


def test_a_due_mail_leaves_with_its_values(smtp, queue):
    """REL-02, PRG-90: sent once, with a Message-ID, an event and an attention entry."""
    ada = make.person(name="Ada Lovelace", email="ada@example.com")
    template = make.mail_template(
        subject="Hi {{ person.first_name }}",
        blocks=[{"kind": "button", "label": "Go", "url": "https://example.com/a"}],
    )
    message = queue(ada, template)
    assert sender.run_batch() == 1
    message.refresh_from_db()
    assert (message.state, message.worker, message.attempts) == ("sent", None, 1)
    [(address, mail)] = smtp.received
    assert address == "ada@example.com"
    assert mail["Subject"] == "Hi Ada"
    assert mail["Message-ID"] == message.message_id
    assert mail["From"] == "Success <success@example.com>"
    assert mail.get_body(("plain",)).get_content().startswith("Go: https://cs.example.com/e/c/")
    assert "https://cs.example.com/e/o/" in mail.get_body(("html",)).get_content()
    [sent] = events("email.sent")
    assert (sent.person_id, sent.ref) == (ada.pk, message.pk)
    [entry] = AttentionEntry.objects.all()
    assert (entry.person_id, entry.outbox_id, entry.channel) == (ada.pk, message.pk, "email")
    revision = EmailTemplateRevision.objects.get(pk=message.payload["revision"])
    assert revision.content["subject"] == "Hi {{ person.first_name }}"
    assert message.payload["values"] == {"person.first_name": "Ada"}
    assert sender.run_batch() == 0
    assert len(smtp.received) == 1


def test_a_mail_is_not_sent_before_it_is_due(smtp, queue):
    queue(due_at=now() + timedelta(hours=1))
    assert not sender.pending()
    assert sender.run_batch() == 0
    assert smtp.received == []


def test_a_refused_recipient_is_given_up_with_the_reason(smtp, queue):
    """REL-02: 5xx is final, listed, and the others still leave."""
    gone, here = make.person(email="gone@example.com"), make.person(email="here@example.com")
    smtp.refuse_rcpt["gone@example.com"] = "550 No such user"
    first, second = queue(gone), queue(here)
    sender.run_batch()
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, first.error) == ("dead", "550 No such user")
    assert second.state == "sent"
    assert not AttentionEntry.objects.filter(outbox_id=first.pk).exists()
    assert smtp.counts() == {"here@example.com": 1}


def test_a_temporary_refusal_is_tried_again_later(smtp, queue):
    """REL-02: 4xx goes back with a growing delay and arrives once."""
    person = make.person(email="busy@example.com")
    smtp.refuse_rcpt["busy@example.com"] = "450 Try later"
    message = queue(person)
    sender.run_batch()
    message.refresh_from_db()
    assert (message.state, message.attempts, message.error) == ("pending", 1, "450 Try later")
    assert 50 < (message.due_at - now()).total_seconds() < 70
    assert not AttentionEntry.objects.exists()
    smtp.refuse_rcpt.clear()
    assert sender.run_batch() == 0
    Outbox.objects.update(due_at=now())
    sender.run_batch()
    assert smtp.counts() == {"busy@example.com": 1}
    assert AttentionEntry.objects.count() == 1


def test_a_temporary_refusal_for_ever_ends_visibly(smtp, queue):
    smtp.refuse_data["busy@example.com"] = "451 Greylisted"
    message = queue(make.person(email="busy@example.com"))
    for _ in range(sender.MAX_ATTEMPTS):
        Outbox.objects.update(due_at=now())
        sender.run_batch()
    message.refresh_from_db()
    assert (message.state, message.attempts) == ("dead", sender.MAX_ATTEMPTS)
    assert smtp.received == []


def test_without_a_mail_server_nothing_is_lost(smtp, queue, settings):
    """REL-02: connection refused before any mail: all wait, none counts as tried."""
    settings.EMAIL_PORT = 1
    messages = [queue() for _ in range(3)]
    assert sender.run_batch() == 0
    for message in messages:
        message.refresh_from_db()
        assert (message.state, message.attempts, message.worker) == ("pending", 0, None)
        assert "No mail server" in message.error
    settings.EMAIL_PORT = smtp.port
    Outbox.objects.update(due_at=now())
    assert sender.run_batch() == 3
    assert len(smtp.received) == 3


def test_a_line_cut_before_the_body_is_no_loss(smtp, queue):
    """REL-02: before DATA the message goes back."""
    smtp.drop_at = "rcpt"
    first, second = queue(), queue()
    sender.run_batch()
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == ("pending", "sent")
    Outbox.objects.update(due_at=now())
    sender.run_batch()
    assert set(smtp.counts().values()) == {1}
    assert len(smtp.received) == 2


def test_a_line_cut_after_the_body_is_uncertain(smtp, queue):
    """REL-02: nobody knows, so it is listed and not sent again by itself."""
    smtp.drop_at = "data"
    first, second = queue(), queue()
    sender.run_batch()
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == ("uncertain", "sent")
    assert first.error
    assert sender.run_batch() == 0
    assert smtp.counts().total() == 1


def test_one_connection_serves_a_batch(smtp, queue):
    for _ in range(5):
        queue()
    sender.run_batch()
    assert (len(smtp.received), smtp.connections) == (5, 1)


def test_the_number_of_queries_before_sending_does_not_grow(smtp, queue):
    """House rule 6: rendering a batch costs the same for one and for many; each mail then costs
    one commit of its own."""
    template = make.mail_template(subject="{{ company.name }} {{ csm.name }}")

    def queries(count):
        for _ in range(count):
            queue(make.person(at=make.company(csm=make.staff())), template)
        with CaptureQueriesContext(
            connection,
        ) as seen:
            sender.run_batch()
        return len(seen)

    queries(1)
    few, many = queries(2), queries(12)
    assert many - few == 10  # "sending", with what became of the one before


def test_what_happened_meanwhile_cancels_the_mail(smtp, queue):
    """Design 3, Effects: the person is asked about again at sending."""
    erased, merged = make.person(erased_at=now()), make.person()
    merged.merged_into = make.person()
    merged.save()
    silent = make.person(email=None)
    messages = [queue(person) for person in (erased, merged, silent)]
    sender.run_batch()
    reasons = []
    for message in messages:
        message.refresh_from_db()
        assert message.state == "cancelled"
        reasons.append(message.error)
    assert reasons == [
        "The person was erased.",
        "The person was merged into another one.",
        "The person has no email address.",
    ]
    assert smtp.received == []


def test_a_bad_address_or_template_is_given_up(smtp, queue):
    """REL-03: nothing half-done, a clear word."""
    broken = queue(make.person(email="not an address"))
    template = make.mail_template(blocks=[{"kind": "nonsense"}])
    senseless, orphan = queue(template=template), queue(payload={"template": 987654321})
    fine = queue()
    sender.run_batch()
    found = {m.pk: (m.state, m.error) for m in Outbox.objects.all()}
    assert found[broken.pk] == ("dead", "/: “not an address” is not an email address.")
    assert found[senseless.pk][0] == "dead"
    assert "/blocks/0/kind" in found[senseless.pk][1]
    assert found[orphan.pk] == ("dead", "/: The mail template was deleted.")
    assert found[fine.pk][0] == "sent"


def test_a_bug_stops_one_mail_and_not_the_lane(smtp, queue, monkeypatch):
    first, second = queue(), queue()
    rendered = sender._rendered

    def trip(message, *args):
        if message.id == first.pk:
            raise ZeroDivisionError("bug")
        return rendered(message, *args)

    monkeypatch.setattr(sender, "_rendered", trip)
    queue(payload={"template": "x"})
    sender.run_batch()
    states = list(Outbox.objects.order_by("pk").values_list("state", "error"))
    assert states[:2] == [("dead", "ZeroDivisionError: bug"), ("sent", "")]
    assert states[2][0] == "dead"
    assert second.pk


def test_an_unknown_token_comes_out_empty_and_is_noted(smtp, queue):
    """PRG-90: at sending a token that is gone leaves a gap and a trace, not a stopped program."""
    message = queue(template=make.mail_template(subject="Hi {{ person.shoe_size }}!"))
    sender.run_batch()
    message.refresh_from_db()
    assert smtp.received[0][1]["Subject"] == "Hi !"
    assert message.payload["unknown_tokens"] == ["person.shoe_size"]


def mail_program():
    return make.program(make.step("send_email", "ml", template=make.mail_template().pk))


def test_the_last_mail_of_a_completed_run_still_leaves(smtp, run_lanes):
    """The run ends with the decision, the mail goes out after it."""
    program = mail_program()
    enroll(program.pk, [make.person().pk], actor=None)
    run_lanes()
    assert Participant.objects.get().state == "completed"
    assert len(smtp.received) == 1


def test_a_stopped_program_sends_nothing_more(smtp, run_lanes):
    """PRG-45: stopping takes back what has not left yet."""
    program = mail_program()
    enroll(program.pk, [make.person().pk], actor=None)
    run_lanes("live", "bulk")
    stop_program(program.pk, actor=None, reason="enough")
    sender.run_batch()
    message = Outbox.objects.get()
    assert (message.state, message.error) == ("cancelled", "The program was stopped.")
    assert smtp.received == []


def test_a_paused_program_holds_its_mails_back(smtp, run_lanes):
    """PRG-45: they wait, visibly, and leave when the program goes on."""
    program = mail_program()
    enroll(program.pk, [make.person().pk], actor=None)
    run_lanes("live", "bulk")
    pause_program(program.pk, actor=None)
    sender.run_batch()
    message = Outbox.objects.get()
    assert (message.state, message.error) == ("pending", "The program is paused.")
    assert message.due_at > now()
    resume_program(program.pk, actor=None)
    sender.run_batch()
    assert len(smtp.received) == 1


def test_a_pause_between_check_and_sending_is_seen(smtp, queue, monkeypatch):
    """The last look is in the statement that commits "sending"."""
    program = mail_program()
    message = queue(program_id=program.pk)
    prepare = sender._prepare

    def pause_meanwhile(*args):
        ready = prepare(*args)
        pause_program(program.pk, actor=None)
        return ready

    monkeypatch.setattr(sender, "_prepare", pause_meanwhile)
    sender.run_batch()
    message.refresh_from_db()
    assert (message.state, message.worker) == ("pending", None)
    assert smtp.received == []


def test_a_dead_sender_leaves_uncertain_and_free_messages(smtp, queue):
    """REL-02: the sweep knows a dead sender by its lock."""
    begun = queue(state="sending", worker=77)
    claimed = queue(worker=77)
    sent = queue(state="sent", worker=77, sent_at=now(), attempts=1)
    assert sender.sweep() == 1
    states = dict(Outbox.objects.values_list("pk", "state"))
    assert states == {begun.pk: "uncertain", claimed.pk: "pending", sent.pk: "sent"}
    assert not Outbox.objects.filter(worker__isnull=False).exists()
    assert [event.ref for event in events("email.sent")] == [sent.pk]
    assert sender.sweep() == 0


def test_a_batch_that_breaks_off_gives_up_its_key(smtp, queue, monkeypatch):
    """An error of our own is a death like any other: what was begun is uncertain."""
    message = queue()

    def explode(*args, **kwargs):
        raise RuntimeError("bug")

    monkeypatch.setattr(sender.Delivery, "send", explode)
    with pytest.raises(RuntimeError):
        sender.run_batch()
    assert sender.sweep() == 1
    message.refresh_from_db()
    assert message.state == "uncertain"


def test_uncertain_messages_are_settled_by_choice(smtp, queue):
    """REL-02: re-sent only by choice."""
    actor = make.staff("program_manager")
    again, arrived = queue(state="uncertain", attempts=1), queue(state="uncertain", attempts=1)
    fine = queue(state="sent")
    assert send_again([again.pk, fine.pk], actor=actor) == 1
    assert mark_sent([arrived.pk, fine.pk], actor=actor) == 1
    sender.run_batch()
    assert len(smtp.received) == 1
    assert sorted(e.ref for e in events("email.sent")) == sorted([again.pk, arrived.pk])
    arrived.refresh_from_db()
    assert arrived.state == "sent"
    assert arrived.sent_at is not None


def test_a_test_mail_goes_to_the_sender_and_is_not_counted(smtp, queue):
    """PRG-46: send to me, with a real person's values and without side effects."""
    actor = make.staff("program_manager", email="me@example.com")
    ada = make.person(name="Ada", email="ada@example.com")
    content = {
        "subject": "For {{ person.name }}", "preheader": "", "sender_name": "", "reply_to": "",
        "blocks": [{"kind": "button", "label": "Go", "url": "https://example.com/x"}],
    }  # fmt: skip
    message = send_test(content, person_id=ada.pk, actor=actor)
    sender.run_batch()
    message.refresh_from_db()
    assert message.state == "sent", message.error
    [(address, mail)] = smtp.received
    assert (address, mail["Subject"]) == ("me@example.com", "For Ada")
    assert "https://example.com/x" in mail.get_body(("plain",)).get_content()
    assert "/e/" not in mail.get_body(("html",)).get_content().replace("https://example.com", "")
    assert events("email.sent") == []
    assert not AttentionEntry.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_senders_at_once_send_each_mail_once(smtp, queue):
    """REL-02, two processes on one outbox."""
    template = make.mail_template()
    people = make.people(60)
    for person in people:
        queue(person, template)
    failures = []

    def work():
        try:
            while sender.run_batch(limit=7):
                pass
        except Exception as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []
    assert smtp.counts() == {person.email: 1 for person in people}
    assert set(Outbox.objects.values_list("state", "worker")) == {("sent", None)}
    assert AttentionEntry.objects.count() == 60
    assert len(events("email.sent")) == 60


@pytest.mark.django_db(transaction=True)
def test_a_living_senders_messages_are_left_alone(queue):
    """The sweep of one sender does not touch what another one holds."""
    message = queue()
    other = threading.Event()
    held = threading.Event()

    def hold():
        with claims.sender_lock() as worker:
            claims.claim(worker, now(), 5)
            held.set()
            other.wait(10)
        connections.close_all()

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(10)
    sender.sweep()
    message.refresh_from_db()
    still_held = message.worker is not None
    other.set()
    thread.join(10)
    assert still_held
    sender.sweep()
    message.refresh_from_db()
    assert (message.worker, message.state) == (None, "pending")


EVIL = '<script>alert("x")</script>\r\nBcc: victim@example.com\r\n\r\n<h1>{{ person.email }}{% x %}'


def test_nothing_that_people_say_breaks_out_of_its_place(smtp, queue):
    """PRG-90, SEC-02: a script and a header in every field, in every place of a mail."""
    company = make.company(name=EVIL, csm=make.staff(first_name=EVIL[:100], email="c@example.com"))
    ada = make.person(name=EVIL, role=EVIL[:90], at=company, email="ada@example.com")
    words = "{{ person.name }} {{ company.name }} {{ csm.name }} {{ person.role }}"
    template = make.mail_template(
        subject=words,
        preheader=words,
        sender_name=words,
        blocks=[
            {"kind": "heading", "text": f"<b>{words}</b>"},
            {"kind": "text", "text": words},
            {"kind": "button", "label": words, "url": "https://example.com/{{ person.name }}"},
            {"kind": "image", "url": "https://example.com/{{ person.name }}.png", "alt": words},
            {"kind": "list", "items": [words], "style": "numbers"},
        ],
    )
    message = queue(ada, template)
    sender.run_batch()
    message.refresh_from_db()
    assert message.state == "sent", message.error
    [(address, mail)] = smtp.received
    assert address == "ada@example.com"
    assert mail["Bcc"] is None
    assert set(mail.keys()) <= {
        "Subject", "From", "To", "Message-ID", "Date", "MIME-Version", "Content-Type",
        "List-Unsubscribe", "List-Unsubscribe-Post", "X-Peer", "X-MailFrom", "X-RcptTo",
    }  # fmt: skip
    assert len(mail.get_all("From")[0].addresses) == 1
    assert mail["From"].addresses[0].addr_spec == "success@example.com"
    html = mail.get_body(("html",)).get_content()
    assert "<script" not in html
    assert "<h1" not in html
    assert "<b>" not in html
    assert "{{ person.email }}" in html  # what people say is never read as a template
    assert "ada@example.com" not in html


def test_a_merged_persons_mails_go_to_the_winner(smtp, queue):
    """CUS-04: only person_id moves."""
    winner, loser = make.person(email="win@example.com"), make.person(email="lose@example.com")
    waiting, sent = queue(loser), queue(loser, state="sent")
    merge_people(winner.pk, loser.pk, actor=None)
    assert set(Outbox.objects.values_list("person_id", flat=True)) == {winner.pk}
    sender.run_batch()
    assert smtp.counts() == {"win@example.com": 1}
    sent.refresh_from_db()
    waiting.refresh_from_db()
    assert (waiting.state, sent.state) == ("sent", "sent")
