"""Files as sources: matched, created, entered with what their rows bring (PRG-20, 24)."""

import pytest

from csplatform.customers.models import Person
from csplatform.customers.operations.erase import erase_person
from csplatform.customers.operations.merge import merge_people
from csplatform.kit.errors import Conflict
from csplatform.segments.models import Segment
from journeys.models import EntryList, EntryRow, Participant
from journeys.operations import lists
from journeys.operations.draft import clone_program
from journeys.operations.lists import delete_list, upload_list
from journeys.operations.publish import publish_preview
from tests import factories as make

pytestmark = [pytest.mark.smoke, pytest.mark.django_db]


def upload(program, text, **more):
    return upload_list(program.pk, "people.csv", text.encode(), actor=None, **more)


def draft(**more):
    return make.program(make.step("wait_timer", "w1"), publish=False, **more)


def publish(program, file):
    entry = {"sources": [{"kind": "csv", "list": file.pk}], "re_enrolment": "every_time"}
    return make.publish_again(program, dict(program.draft, entry=entry))


def test_rows_become_runs_with_context_and_fields(run_lanes):
    """PRG-20, 23: matched by address or id, one run per context."""
    person, program = make.person(email="ann@x.test"), draft()
    text = "email,context_id,plan\nANN@x.test,T1,pro\nann@x.test,T2,\nnobody@x.test,T3,x\n"
    file = upload(program, text)
    run_lanes()
    file.refresh_from_db()
    assert (file.rows_total, file.matched, file.wrong, file.created) == (3, 2, 1, 0)
    assert "Nobody is known" in EntryRow.objects.get(number=4).error
    program.refresh_from_db()
    publish(program, file)
    run_lanes()
    found = Participant.objects.order_by("context_id").values_list("person", "context_id", "fields")
    assert list(found) == [(person.pk, "T1", {"plan": "pro"}), (person.pk, "T2", {})]


def test_unknown_addresses_become_people_if_asked_for(run_lanes):
    """PRG-20: and what is no address says so; nothing stops the other rows."""
    file = upload(
        draft(), "email,name\nnew@x.test,New One\nnot an address@@,X\nu-77,Y\n", creates_people=True
    )
    run_lanes()
    file.refresh_from_db()
    assert (file.created, file.matched, file.wrong) == (1, 1, 2)
    assert Person.objects.get(email="new@x.test").name == "New One"


def test_a_row_matched_late_is_still_a_candidate(run_lanes, monkeypatch):
    """Several chunks and a published program: also the second row of somebody who is inside."""
    monkeypatch.setattr(lists, "MATCHED_AT_ONCE", 1)
    make.person(email="ann@x.test")
    program = draft()
    file = upload(program, "email,context_id\nann@x.test,T1\nann@x.test,T2\n")
    program.refresh_from_db()
    publish(program, file)
    run_lanes()
    assert set(Participant.objects.values_list("context_id", flat=True)) == {"T1", "T2"}


def test_a_file_is_in_no_list_of_segments_and_goes_with_nobody_else():
    """PRG-20: it belongs to the program; a copy has none of its people."""
    program = draft()
    file = upload(program, "email\na@x.test\n")
    program.refresh_from_db()
    publish(program, file)
    assert not Segment.objects.listed().exists()
    assert clone_program(program.pk, actor=None).draft["entry"]["sources"] == []
    with pytest.raises(Conflict):
        delete_list(file.pk, actor=None)


def test_an_unused_file_is_deleted_with_its_rows():
    """And with its hidden list."""
    file = upload(draft(), "email\na@x.test\n")
    delete_list(file.pk, actor=None)
    assert not EntryRow.objects.exists()
    assert not Segment.objects.exists()


def test_rows_follow_a_merge_and_forget_the_erased(run_lanes):
    """CUS-04: personal columns."""
    old, new = make.person(email="old@x.test"), make.person(email="new@x.test")
    program = draft()
    upload(program, "email,city\nold@x.test,Ulm\n")
    run_lanes()
    merge_people(new.pk, old.pk, actor=None)
    assert EntryRow.objects.get().person_id == new.pk
    erase_person(new.pk, actor=None)
    row = EntryRow.objects.get()
    assert (row.key, row.fields, row.person) == ("", {}, None)


def test_the_preview_counts_rows_and_what_they_lack(run_lanes):
    """PRG-27, 40: a file is counted like other members."""
    make.person(email="a@x.test")
    make.person(email="b@x.test")
    program = draft()
    file = upload(program, "email,context_id\na@x.test,T1\nb@x.test,\n")
    run_lanes()
    program.refresh_from_db()
    entry = {"sources": [{"kind": "csv", "list": file.pk}], "needs_context_id": True}
    type(program).objects.filter(pk=program.pk).update(draft=dict(program.draft, entry=entry))
    preview = publish_preview(program.pk)
    assert preview.would_enter == 1
    assert [(reason, count) for reason, _, count in preview.refused] == [("no_context", 1)]
    assert EntryList.objects.get().done_at is not None
