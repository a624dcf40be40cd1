"""Export and import in the admin (PRG-47)."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from csplatform.ascode.kind import export_kinds
from csplatform.ascode.yamltext import MAX_BYTES
from csplatform.segments.models import Segment
from journeys.models import EmailTemplate, Folder, Program
from tests import factories
from tests.ascode import make

pytestmark = pytest.mark.django_db
IMPORT = reverse("ascode:import")
TEXT = "kind: segment\r\nname: Fresh\r\nsubject: person\r\n"


@pytest.fixture
def manager(client):
    client.force_login(factories.staff("program_manager"))
    return client


def test_every_page_of_what_can_be_exported_has_the_link(manager):
    """Above the form; the file is named after the thing."""
    make.welcome()
    for kind in export_kinds:
        row = kind.model.objects.first()
        export = reverse("ascode:export", args=[kind.key, row.pk])
        assert export in manager.get(kind.url(row)).text, kind.key
        answer = manager.get(export)
        assert answer["Content-Type"].startswith("application/yaml")
        assert "attachment" in answer["Content-Disposition"]
        assert answer.text.startswith(f"kind: {kind.key}\nname: ")


def test_ticked_rows_come_as_one_file(manager):
    """The bulk action of each list."""
    make.welcome()
    for kind in export_kinds:
        meta = kind.model._meta
        url = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
        ids = list(kind.model.objects.values_list("pk", flat=True))
        answer = manager.post(url, {"action": "export_selected", "_selected_action": ids})
        assert answer.text.count(f"kind: {kind.key}\nname:") == len(ids)


def test_ticked_rows_that_point_at_what_is_gone_are_told_by_name(manager):
    """Above the list, all of them, and no file."""
    mail = factories.mail_template()
    step = factories.step("send_email", "ab", template=mail.pk)
    ids = [factories.program(step, publish=False).pk for _ in range(2)]
    mail.delete()
    url = reverse("admin:journeys_program_changelist")
    sent = {"action": "export_selected", "_selected_action": ids}
    page = manager.post(url, sent, follow=True)
    assert page.status_code == 200
    for name in Program.objects.values_list("name", flat=True):
        assert f"“{name}”: This points at a mail template that is gone" in page.text


def test_the_export_of_many_programs_costs_as_many_queries_as_of_few(manager):
    """Folders are read at once."""
    url = reverse("admin:journeys_program_changelist")
    ids = []
    for number in range(12):
        program = factories.program(publish=False)
        program.folder = Folder.objects.create(name=f"Folder {number}")
        program.save()
        ids.append(program.pk)
    counts = []
    for some in (ids[:2], ids):
        with CaptureQueriesContext(connection) as queries:
            sent = {"action": "export_selected", "_selected_action": some}
            assert manager.post(url, sent).text.count("folder: Folder") == len(some)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_an_import_is_looked_at_and_applied(manager):
    """Pasted, with the line ends of a browser; the second step carries what was seen."""
    page = manager.post(IMPORT, {"text": TEXT})
    assert "What this would change" in page.text
    assert not Segment.objects.exists()
    state = page.context["plan"].state
    done = manager.post(IMPORT, {"text": TEXT, "state": state, "apply": "1"})
    assert "Imported" in done.text
    assert Segment.objects.get().name == "Fresh"
    late = manager.post(IMPORT, {"text": TEXT, "state": state, "apply": "1"})
    assert "look at the differences again" in late.text
    assert "nothing to apply" in manager.post(IMPORT, {"text": TEXT}).text


def test_nothing_is_applied_unseen(manager):
    """Without the state of a look there is no second step."""
    page = manager.post(IMPORT, {"text": TEXT, "apply": "1"})
    assert "Look at the differences first" in page.text
    assert not Segment.objects.exists()


def test_a_file_may_be_uploaded(manager):
    """UTF-8, at most so large; what is wrong is said with its place."""
    good = SimpleUploadedFile("x.yaml", b"\xef\xbb\xbf" + TEXT.encode())
    assert "Fresh" in manager.post(IMPORT, {"file": good}).text
    huge = SimpleUploadedFile("x.yaml", b"x" * (MAX_BYTES + 1))
    assert "split it" in manager.post(IMPORT, {"file": huge}).text
    latin = SimpleUploadedFile("x.yaml", b"a: \xe4")
    assert "UTF-8" in manager.post(IMPORT, {"file": latin}).text
    wrong = SimpleUploadedFile("x.yaml", b"kind: segment\nname: A\ncolour: 1")
    assert "/documents/0/colour" in manager.post(IMPORT, {"file": wrong}).text


def test_text_of_a_file_is_text_on_the_page(manager):
    """No markup gets through."""
    text = "kind: email_template\nname: <script>x</script>\nsubject: <b>\n"
    page = manager.post(IMPORT, {"text": text}).text
    assert "<script>x" not in page
    assert "&lt;script&gt;x" in page


def test_who_may_not_build_may_not_import(client):
    """A CSM may look and make segments, nobody else's things; readers see no page."""
    client.force_login(factories.staff("read_only"))
    assert client.get(IMPORT).status_code == 403
    client.force_login(factories.staff("csm"))
    text = "kind: email_template\nname: M\nsubject: Hi\n"
    assert "Your role does not allow this" in client.post(IMPORT, {"text": text}).text
    assert not EmailTemplate.objects.exists()
    assert not Program.objects.exists()


def test_what_is_not_there_is_a_404(manager):
    """Unknown kinds and ids."""
    assert manager.get(reverse("ascode:export", args=["segment", 99])).status_code == 404
    assert manager.get(reverse("ascode:export", args=["nothing", 1])).status_code == 404
