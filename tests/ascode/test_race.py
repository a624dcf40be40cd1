"""Two imports at the same moment (PRG-47)."""

import threading
import time

import pytest
from django.db import transaction

from csplatform.ascode.exporting import export_text
from csplatform.ascode.importing import import_text
from csplatform.ascode.kind import export_kinds
from csplatform.kit import sql
from csplatform.kit.errors import Conflict
from csplatform.segments.models import Segment
from journeys.flow.gallery import find_template
from journeys.models import EmailTemplate, Program
from journeys.operations.use_template import use_template
from tests import factories
from tests.ascode import make
from tests.customers.race import in_threads

pytestmark = pytest.mark.django_db(transaction=True)
TEXT = "kind: program\nname: Twin\nsteps: [{key: ab, kind: wait_timer, name: W, config: {}}]\n"


def test_one_name_is_made_once():
    """Names of programs are not unique in the database: the second import finds the first's."""
    assert in_threads(*[lambda: import_text(TEXT, actor=None)] * 4) == []
    assert Program.objects.filter(name="Twin").count() == 1


def test_of_two_who_looked_at_the_same_one_applies():
    """The other is asked to look again."""
    import_text(TEXT, actor=None)
    texts = [TEXT.replace("{}", f"{{amount: {n}}}") for n in (5, 6)]
    looks = [import_text(text, actor=None, dry_run=True).state for text in texts]
    errors = in_threads(
        *[
            lambda t=text, s=state: import_text(t, actor=None, state=s)
            for text, state in zip(texts, looks, strict=True)
        ]
    )
    assert [type(error) for error in errors] == [Conflict]
    assert Program.objects.get().draft_revision == 1


def test_two_who_use_a_template_share_what_comes_along():
    """Two programs, each segment and mail once."""
    use = [lambda: use_template(find_template("win_back"), actor=None)] * 2
    assert in_threads(*use) == []
    assert Program.objects.count() == 2
    assert Segment.objects.count() == 1
    assert EmailTemplate.objects.count() == 2
    one, two = Program.objects.all()
    assert one.draft == two.draft


# Kind, what the file changes, the column that somebody else saves meanwhile.
SAVED = [
    ("segment", ("value: Champion", "value: Daily user"), "description"),
    ("email_template", ("subject: Hello", "subject: Good day"), "subject"),
    ("webhook_endpoint", ("is_active: true", "is_active: false"), "url"),
    ("engagement", ("priority: 0", "priority: 5"), "name"),
    ("program", ('description: ""', "description: Ours"), "description"),
    ("program", ("sources: []", "sources: []\n  re_enrolment: every_time"), "name"),
]


@pytest.mark.parametrize(("kind", "change", "column"), SAVED)
def test_what_somebody_saves_during_an_import_is_not_lost(kind, change, column):
    """The import has compared and waits for another row; when it goes on, the save is done."""
    make.segment()
    factories.mail_template(name="Mail", subject="Hello")
    factories.webhook_endpoint(name="CRM")
    make.dialog()
    factories.program(publish=False)
    import_text(TEXT, actor=None)
    ours = export_kinds.get(kind)
    row = ours.model.objects.exclude(name="Twin").get()
    text = export_text([(ours, row)], actor=None)
    assert change[0] in text
    text = TEXT.replace("{}", "{amount: 5}") + "---\n" + text.replace(*change)

    def save():
        with transaction.atomic():
            Program.objects.select_for_update().get(name="Twin")
            started.set()
            _until_somebody_waits()
            # by itself and at once, as another process would
            errors.extend(
                in_threads(
                    lambda: ours.model.objects.filter(pk=row.pk).update(**{column: "Theirs"})
                )
            )

    started, errors = threading.Event(), []

    def bring():
        assert started.wait(5)
        import_text(text, actor=None)

    told = in_threads(save, bring)
    assert errors == []
    assert [type(error) for error in told] == [Conflict], told
    assert [(p.path, p.code) for p in told[0].problems] == [("/documents/1", "stale")]
    assert "look at the differences again" in str(told[0])
    after = ours.model.objects.get(pk=row.pk)
    assert getattr(after, column) == "Theirs"
    assert Program.objects.get(name="Twin").draft_revision == 0


def _until_somebody_waits():
    """Until another connection waits for what this one has locked."""
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    waiting += " AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    ends = time.monotonic() + 5
    while not sql.one(waiting):
        assert time.monotonic() < ends, "nobody waits"
        time.sleep(0.01)
