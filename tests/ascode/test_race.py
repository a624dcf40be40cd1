"""Two imports at the same moment (PRG-47)."""

import pytest

from csplatform.ascode.importing import import_text
from csplatform.kit.errors import Conflict
from csplatform.segments.models import Segment
from journeys.flow.gallery import find_template
from journeys.models import EmailTemplate, Program
from journeys.operations.use_template import use_template
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
