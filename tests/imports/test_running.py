"""Files become customers: tried first, row by row, resumable, once (CUS-03, OPS-02)."""

import threading

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from csplatform.customers.models import AttributeChange, Company, Event, Person
from csplatform.customers.operations.erase import erase_person
from csplatform.imports import operations, running
from csplatform.imports.kind import import_kinds
from csplatform.imports.models import ImportChunk, ImportProblem, ImportRun
from csplatform.imports.operations import cancel, delete_runs, resume, set_mapping, start, upload
from csplatform.kit.errors import Conflict, DomainError, NotAllowed
from tests import factories as make

pytestmark = pytest.mark.django_db

PEOPLE = "Email,Name,Job title,Company\nann@x.com,Ann,Head,Acme\nben@x.com,Ben,,Acme\n"


def uploaded(text=PEOPLE, kind="people", **options):
    """An import with its columns mapped."""
    run = upload(kind, "file.csv", text.encode(), actor=None)
    return set_mapping(run.pk, run.mapping, options, actor=None)


def work(run, dry_run=False):
    """Work it off."""
    start(run.pk, actor=None, dry_run=dry_run)
    *_, last = running.run_all(run.pk)
    return last


def counts(run):
    """Created, updated, unchanged, failed."""
    return (run.created, run.updated, run.unchanged, run.failed)


def problems(run):
    """(row, column, message) in order."""
    return list(run.problems.order_by("row", "pk").values_list("row", "column", "message"))


def test_people_come_with_their_company_and_twice_is_once():
    """Headings tell what columns mean; the second time nothing changes."""
    first = work(uploaded())
    assert (first.state, counts(first)) == ("done", (2, 0, 0, 0))
    ann = Person.objects.get(email="ann@x.com")
    assert (ann.name, ann.role) == ("Ann", "Head")
    assert Company.objects.get().memberships.count() == 2
    assert not ImportChunk.objects.exists()
    assert counts(work(uploaded())) == (0, 0, 2, 0)
    assert not AttributeChange.objects.exists()


def test_a_dry_run_tells_the_same_and_writes_nothing():
    """Every row goes through the operation and is taken back."""
    Person.objects.create(email="ann@x.com", name="Anna")
    text = PEOPLE + "nonsense,Eve,,\n"
    tried = work(uploaded(text), dry_run=True)
    assert (tried.state, counts(tried)) == ("checked", (1, 1, 0, 1))
    assert Person.objects.count() == 1
    assert Person.objects.get().name == "Anna"
    assert not Company.objects.exists()
    assert counts(work(tried)) == (1, 1, 0, 1)


def test_bad_rows_are_told_and_the_others_are_taken():
    """REL-03: row, column and reason; the file of refused rows has what is needed to mend them."""
    text = "Email,Time zone,Created\nann@x.com,Mars/Olympus,\n,Europe/Paris,\nben@x.com,UTC,\n"
    run = work(uploaded(text))
    assert counts(run) == (1, 0, 0, 2)
    [(row, column, words), (other, _, lacking)] = problems(run)
    assert (row, column, other) == (2, "Time zone", 3)
    assert "no time zone" in words
    assert "needs an email address or an external id" in lacking
    assert ImportProblem.objects.first().cells[0] == "ann@x.com"


def test_companies_come_with_csm_money_and_tags():
    """Numbers and days as the file writes them; an unknown CSM refuses the row."""
    make.staff("csm", username="sam", email="sam@us.com")
    text = (
        "Company;Domain;ARR;Renewal date;Tags;CSM\n"
        "Acme;acme.com, acme.de;1.234,50;31/12/2026;vip, eu;SAM\n"
        "Bolt;bolt.io;abc;;;\nCoil;coil.io;;;;nobody\n"
    )
    run = upload("companies", "c.csv", text.encode(), actor=None)
    mapping = {**run.mapping, "5": "csm"}
    set_mapping(run.pk, mapping, {"numbers": "comma"}, actor=None)
    run = work(run)
    assert counts(run) == (1, 0, 0, 2)
    acme = Company.objects.get()
    assert (acme.name, acme.domains, str(acme.arr)) == ("Acme", ["acme.com", "acme.de"], "1234.50")
    assert (acme.renewal_date.isoformat(), acme.tags, acme.csm.username) == (
        "2026-12-31", ["vip", "eu"], "sam",
    )  # fmt: skip
    assert [(row, column) for row, column, _ in problems(run)] == [(3, "ARR"), (4, "CSM")]


def test_events_come_with_properties_and_once_however_often_a_chunk_runs():
    """Of known people only; a column without a meaning of its own is a property."""
    ann = make.person(email="ann@x.com")
    text = "Email,Time,format,pages\nann@x.com,2026-01-31 14:00,pdf,3\nzoe@x.com,2026-01-31,pdf,1\n"
    run = upload("events", "e.csv", text.encode(), actor=None)
    mapping = {**run.mapping, "2": "property", "3": "property"}
    with pytest.raises(DomainError, match="event's name"):
        set_mapping(run.pk, mapping, {}, actor=None)
    set_mapping(run.pk, mapping, {"event": "report_exported"}, actor=None)
    run = work(run)
    assert counts(run) == (1, 0, 0, 1)
    event = Event.objects.get()
    assert (event.person_id, event.properties) == (ann.pk, {"format": "pdf", "pages": 3})
    assert event.occurred_at.isoformat() == "2026-01-31T14:00:00+00:00"
    assert "import people first" in problems(run)[0][2]


def test_an_empty_cell_says_nothing_or_clears():
    """As the option says."""
    ann = make.person(email="ann@x.com", role="Head")
    work(uploaded("Email,Role\nann@x.com,\n"))
    ann.refresh_from_db()
    assert ann.role == "Head"
    work(uploaded("Email,Role\nann@x.com,\n", empty="clear"))
    ann.refresh_from_db()
    assert ann.role == ""


def test_an_address_that_somebody_else_has_is_left_alone_with_a_note():
    """The row is taken all the same."""
    work(uploaded("Email,User id\nann@x.com,u1\nben@x.com,u2\n"))
    run = work(uploaded("Email,User id\nann@x.com,u2\n"))
    assert (run.failed, run.noted) == (0, 1)
    assert problems(run) == [(2, "Email", "Left alone: somebody else has it.")]


def _many(count):
    return "Email,Name\n" + "".join(f"p{n}@x.com,Person {n}\n" for n in range(count))


def test_cancelling_stops_at_the_next_chunk_and_it_goes_on_there():
    """OPS-02: what is in stays in, nothing twice, nothing left out."""
    run = uploaded(_many(1200))
    assert run.chunks == 3
    start(run.pk, actor=None, dry_run=False)
    assert running.run_chunk() == 500
    assert cancel(run.pk, actor=None).done == 500
    assert running.run_chunk() == 0
    with pytest.raises(Conflict):
        set_mapping(run.pk, run.mapping, {}, actor=None)
    resume(run.pk, actor=None)
    *_, run = running.run_all(run.pk)
    assert (run.state, counts(run)) == ("done", (1200, 0, 0, 0))
    assert Person.objects.count() == 1200
    with pytest.raises(Conflict):
        resume(run.pk, actor=None)


def test_a_fault_of_ours_stops_it_visibly_and_going_on_tries_again(monkeypatch):
    """Nothing of the broken chunk is in."""
    run = uploaded()
    kind = import_kinds.get("people")

    def broken(*args, **kwargs):
        make.person()
        raise ZeroDivisionError("oh")

    with monkeypatch.context() as patch:
        patch.setattr(kind, "write", broken, raising=False)
        stopped = work(run)
    assert (stopped.state, stopped.done) == ("failed", 0)
    assert "ZeroDivisionError" in stopped.error
    assert Person.objects.count() == 0
    resume(run.pk, actor=None)
    *_, run = running.run_all(run.pk)
    assert counts(run) == (2, 0, 0, 0)


@pytest.mark.django_db(transaction=True)
def test_two_workers_write_each_chunk_once():
    """The row of the import is locked to the end of its chunk."""
    run = uploaded(_many(2000))
    start(run.pk, actor=None, dry_run=False)

    def worker():
        while ImportRun.objects.get(pk=run.pk).is_active:
            running.run_chunk()
        connections.close_all()

    threads = [threading.Thread(target=worker) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run.refresh_from_db()
    assert (run.state, counts(run)) == ("done", (2000, 0, 0, 0))


def test_ten_rows_or_five_hundred_cost_the_same_number_of_queries():
    """Set-based."""
    seen = []
    for count in (10, 500):
        run = uploaded(_many(count))
        start(run.pk, actor=None, dry_run=False)
        with CaptureQueriesContext(connection) as queries:
            running.run_chunk()
        seen.append(len(queries))
        Person.objects.all().delete()
        ImportRun.objects.all().delete()
    assert seen[0] == seen[1]


def test_who_may_not_add_people_may_not_import_them():
    """SEC-01: an import may do what its user may do by hand."""
    analyst, csm = make.staff("analyst"), make.staff("csm")
    with pytest.raises(NotAllowed):
        upload("people", "a.csv", PEOPLE.encode(), actor=analyst)
    run = upload("people", "a.csv", PEOPLE.encode(), actor=csm)
    with pytest.raises(NotAllowed):
        start(run.pk, actor=analyst, dry_run=False)
    with pytest.raises(DomainError):
        upload("nonsense", "a.csv", PEOPLE.encode(), actor=None)


def test_an_erased_person_is_in_no_file_that_is_kept():
    """CUS-04: a file that names them is not taken any more; refused rows are emptied."""
    ann = make.person(email="ann@x.com")
    refused = work(uploaded("Email,Time zone\nann@x.com,Mars\n"))
    waiting = uploaded()
    erase_person(ann.pk, actor=None)
    waiting.refresh_from_db()
    refused.refresh_from_db()
    assert (waiting.state, waiting.sample) == ("failed", [])
    assert "was erased" in waiting.error
    assert problems(refused) == [(2, "Time zone", "Erased.")]
    assert refused.problems.get().cells == []
    assert not ImportChunk.objects.filter(run=waiting).exists()


def test_rows_are_not_kept_for_ever(monkeypatch):
    """A week after the upload nothing of the file is left."""
    uploaded()
    assert running.purge(days=1) == 0
    assert running.purge(days=0) == 1
    assert not ImportChunk.objects.exists()


def test_one_under_way_is_not_deleted():
    """What it brought in stays in any case."""
    run = uploaded()
    start(run.pk, actor=None, dry_run=False)
    with pytest.raises(Conflict):
        delete_runs([run.pk], actor=None)
    running.run_chunk()
    assert delete_runs([run.pk], actor=None) == 1
    assert Person.objects.count() == 2


def test_the_command_tells_its_progress_and_what_was_refused(tmp_path, capsys):
    """OPS-02: on the terminal, too."""
    file = tmp_path / "people.csv"
    file.write_text("Who,Name\nann@x.com,Ann\nnonsense,Ben\n")
    call_command("import_file", "people", file, "--map", "Who=email", "--dry-run")
    assert "Tried: 1 created, 0 updated, 0 unchanged, 1 refused" in capsys.readouterr().out
    call_command("import_file", "people", file, "--map", "Who=email")
    told = capsys.readouterr()
    assert "Done: 1 created" in told.out
    assert "row 3, Who:" in told.out
    assert "2 of 2 rows" in told.err
    with pytest.raises(CommandError, match="no column"):
        call_command("import_file", "people", file, "--map", "What=email")


@pytest.mark.parametrize("kind", list(import_kinds.keys()))
def test_every_kind_keeps_the_contract(kind):
    """Targets are unique, an empty mapping lacks something, no rows are no harm."""
    found = import_kinds.get(kind)
    names = [target.name for target in found.targets()]
    assert len(names) == len(set(names))
    assert found.lacking(set()) != ""
    assert found.write([], keys=[], actor=None) == []
    assert operations.CHUNK > 0
