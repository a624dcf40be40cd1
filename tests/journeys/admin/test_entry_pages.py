"""Pages about who gets in: files, the refused, newcomers in review, controls (PRG-20 to 28)."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from journeys.admin.step_form import aims_inputs, entry_inputs
from journeys.flow.parse import parse_flow
from journeys.models import EntryList, HoldOut, Participant, Refusal
from journeys.operations.enroll import enroll
from tests import factories as make

pytestmark = pytest.mark.django_db

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def manager(client):
    client.force_login(make.staff("admin"))
    return client


def url(page, program):
    return reverse(f"admin:journeys_program_{page}", args=[program.pk])


def draft():
    return make.program(make.step("wait_timer", "w1"), publish=False)


def test_an_uploaded_file_becomes_a_source_and_shows_its_rows(manager, run_lanes):
    """PRG-20: upload, per-row errors, people behind the numbers; script in cells stays text."""
    make.person(email="ann@x.test")
    program = draft()
    text = f"email,context_id,note\nann@x.test,T1,{SCRIPT}\n{SCRIPT},T2,x\n"
    file = SimpleUploadedFile("people.csv", text.encode())
    answer = manager.post(url("lists_do", program), {"file": file}, follow=True)
    assert "2 rows are being matched" in answer.text
    made = EntryList.objects.get()
    program.refresh_from_db()
    assert program.draft["entry"]["sources"] == [{"kind": "csv", "list": made.pk}]
    run_lanes()
    page = manager.get(url("lists", program), {"list": made.pk}).text
    assert "ann@x.test" in page
    assert SCRIPT not in page
    wrong = manager.get(url("lists", program), {"list": made.pk, "wrong": "1", "format": "csv"})
    assert b"Nobody is known" in b"".join(wrong.streaming_content)


def test_what_is_no_table_is_said_and_nothing_is_kept(manager):
    """Bad input: a sentence, not an error."""
    program = draft()
    answer = manager.post(
        url("lists_do", program), {"file": SimpleUploadedFile("x.csv", b"\x00\x01")}, follow=True
    )
    assert "no text file" in answer.text
    assert "Choose a file first" in manager.post(url("lists_do", program), follow=True).text
    assert not EntryList.objects.exists()


def test_a_chosen_column_counts_over_its_name(manager):
    """PRG-20: other columns may be mapped."""
    program = draft()
    file = SimpleUploadedFile("x.csv", b"a,b\n1,ann@x.test\n")
    given = {"file": file, "column_0": "context_id", "column_1": "key"}
    manager.post(url("lists_do", program), given)
    row = EntryList.objects.get().rows.get()
    assert (row.key, row.context_id) == ("ann@x.test", "1")


def test_the_refused_are_listed_and_tried_again(manager):
    """PRG-24."""
    mail = make.mail_template()
    program = make.program(make.step("send_email", "ml", template=mail.pk))
    person = make.person(email=None, name="Ann")
    enroll(program.pk, [person.pk], actor=None)
    page = manager.get(url("refused", program))
    assert "Ann" in page.text
    assert "Nobody fits" in manager.get(url("refused", program), {"q": "zzz"}).text
    file = b"".join(manager.get(url("refused", program), {"format": "csv"}).streaming_content)
    assert b"Ann" in file
    person.email = "ann@x.test"
    person.save()
    ids = list(Refusal.objects.values_list("pk", flat=True))
    answer = manager.post(url("refused_do", program), {"id": ids}, follow=True)
    assert "1 of 1 entered" in answer.text
    assert Participant.objects.get().person == person
    assert "Choose at least one" in manager.post(url("refused_do", program), follow=True).text


def test_review_lists_the_people_behind_each_figure_of_the_dialog(manager, run_lanes):
    """PRG-27: listed before publishing, counted nowhere."""
    mail = make.mail_template()
    champion = {"test": "attribute", "name": "persona", "operator": "equals", "value": "Champion"}
    make.person(persona="Champion", name="Enters")
    make.person(persona="Champion", name="Refused", email=None)
    program = make.program(
        make.step("send_email", "ml", template=mail.pk), publish=False,
        entry={"sources": [{"kind": "query", "rule": champion}]},
    )  # fmt: skip
    dialog = manager.get(url("publish", program), {"do": "publish"}).text
    assert "?of=no_email" in dialog
    assert "Members already inside are taken in" in dialog
    assert "Enters" in manager.get(url("newcomers", program), {"of": "enter"}).text
    refused = manager.get(url("newcomers", program), {"of": "no_email"}).text
    assert "Refused" in refused
    assert "Enters</a>" not in refused
    assert not Participant.objects.exists()


def test_the_control_page_says_what_is_known(manager):
    """PRG-28: too few say so; no goal says what to do."""
    program = make.program(make.step("wait_timer", "w1"))
    assert "has no goal" in manager.get(url("control", program)).text
    goal = {"test": "attribute", "name": "persona", "operator": "set"}
    aimed = make.program(make.step("wait_timer", "w1"), goal=goal, control={"percent": 50})
    enroll(aimed.pk, make.ids(make.people(10)), actor=None)
    page = manager.get(url("control", aimed)).text
    assert "Too few to say" in page
    assert "held out" in manager.get(url("snapshot", aimed)).text


def test_the_global_hold_out_is_set_on_a_page_of_its_own(manager, client):
    """PRG-28: with its bounds and its right."""
    page = reverse("admin:journeys_holdout_changelist")
    assert "from 0 to 50" in manager.post(page, {"percent": "70"}, follow=True).text
    manager.post(page, {"percent": "5.5"})
    assert HoldOut.objects.get().percent == 5.5
    client.force_login(make.staff("csm"))
    client.post(page, {"percent": "1"})
    assert HoldOut.objects.get().percent == 5.5


def test_the_forms_hold_every_kind_of_source_and_all_settings():
    """PRG-04: what the panels send back is what they were given."""
    entry = {
        "sources": [
            {"kind": "segment", "segment": 3},
            {"segment": 4},
            {"kind": "query", "rule": {"all": []}},
            {"kind": "event", "event": "x", "where": [
                {"property": "a", "operator": "in", "value": ["1", "2"]}]},
        ],
        "unique_by": ["email"], "re_enrolment": "after_days",
    }  # fmt: skip
    flow = parse_flow({"entry": entry, "leaving": {"unenrol": "chosen"}, "control": {"percent": 5}})
    [sources, *_] = entry_inputs(flow, "person", [("7", "people.csv")])
    assert [len(item) for item in sources.items] == [2, 2, 2, 5]
    assert [kind for kind, _, _ in sources.blanks] == ["segment", "query", "csv", "event"]
    names = {item.name: item for item in aims_inputs(flow, "person")}
    assert [i.value for i in names["leaving"].fields if i.name == "unenrol"] == ["chosen"]
    assert [i.value for i in names["control"].fields if i.name == "percent"] == [5]
