"""The usage tree: parts, order, guards, and rules that follow its changes."""

import pytest

from csplatform.customers.operations.events import EventInput, record_events
from csplatform.kit.errors import Conflict, DomainError
from csplatform.rules.compile import matching_ids
from csplatform.rules.meaning import revision
from csplatform.rules.parse import parse_rule, problems_of
from csplatform.segments.operations.definition import SegmentInput, save_segment
from csplatform.usage.models import UsagePart
from csplatform.usage.operations.tree import PartInput, delete_part, move_part, save_part
from csplatform.usage.tree import load_tree
from journeys.models import ProgramVersion
from tests import factories as make
from tests.rules.worlds import AT

pytestmark = pytest.mark.django_db


@pytest.fixture
def tree() -> dict[str, UsagePart]:
    """app › one › first, second."""
    made = [
        save_part(PartInput(name, name.title(), parent, event), actor=None)
        for parent, name, event in (
            ("", "app", ""), ("app", "one", ""), ("app/one", "first", "opened"),
            ("app/one", "second", "saved"),
        )
    ]  # fmt: skip
    return {part.path: part for part in made}


def test_levels_follow_from_the_place(tree: dict) -> None:
    """CUS-02: product, module, feature; nothing below a feature."""
    assert [part.level for part in tree.values()] == ["product", "module", "feature", "feature"]
    with pytest.raises(DomainError, match="no product or module"):
        save_part(PartInput("deep", "Deep", "app/one/first", "x"), actor=None)
    with pytest.raises(Conflict, match="taken"):
        save_part(PartInput("first", "Again", "app/one", "x"), actor=None)


@pytest.mark.parametrize(
    ("given", "path"),
    [
        (PartInput("x", "X", "app/one"), "/event"),
        (PartInput("x", "X", "app", "opened"), "/event"),
        (PartInput("x", "", "app"), "/label"),
        (PartInput("X y", "X", "app"), "/name"),
        (PartInput("x", "X", "app", adopted_measure="days"), "/adopted_count"),
        (PartInput("x", "X", "app/one", "e", [{"property": "p", "operator": "near"}]), "/where/0"),
    ],
)
def test_unfit_parts_are_refused_with_their_place(tree: dict, given: PartInput, path: str) -> None:
    with pytest.raises(DomainError) as caught:
        save_part(given, actor=None)
    assert caught.value.problems[0].path.startswith(path)


def test_parts_move_among_their_siblings(tree: dict) -> None:
    assert move_part(tree["app/one/second"].pk, -1, actor=None)
    assert not move_part(tree["app/one/second"].pk, -1, actor=None)
    features = load_tree()[0].below[0].below
    assert [branch.part.name for branch in features] == ["second", "first"]


def test_a_used_part_stays_and_an_unused_one_takes_its_features_along(tree: dict) -> None:
    """CUS-02: the guard looks below as well."""
    rule = {"test": "usage", "part": "app/one/first"}
    company = {"test": "people", "rule": {"test": "usage", "part": "app/one/second"}}
    save_segment(SegmentInput("Uses it", rule=rule), actor=None)
    save_segment(SegmentInput("Whose people use it", subject="company", rule=company), actor=None)
    for path, name in (("app", "Uses it"), ("app/one/second", "Whose people")):
        with pytest.raises(Conflict, match=name):
            delete_part(tree[path].pk, actor=None)
    made = make.program(make.step("wait_timer", "wait1", amount=1, unit="days"), goal=rule)
    with pytest.raises(Conflict, match=f"Program “{made}”"):
        delete_part(tree["app/one/first"].pk, actor=None)


def test_rules_and_segments_follow_a_change_of_the_tree(tree: dict) -> None:
    """SEG-02: what a segment and a program read is worked out again."""
    rule = {"test": "usage", "part": "app/one", "operator": "at_least", "count": 1}
    segment = save_segment(SegmentInput("Uses it", rule=rule), actor=None)
    program = make.program(make.step("wait_timer", "wait1", amount=1, unit="days"), goal=rule)
    segment.requested_at = None
    segment.save()
    before = revision()
    save_part(PartInput("third", "Third", "app/one", "closed"), actor=None)
    assert revision() != before
    segment.refresh_from_db()
    assert segment.requested_at is not None
    assert "person:event.closed:0" in segment.fact_keys
    version = ProgramVersion.objects.get(pk=program.published_id)
    assert "person:event.closed:0" in version.fact_keys
    someone = make.person()
    record_events([EventInput("closed", person_id=someone.pk)])
    assert matching_ids(parse_rule(rule, "person"), "person", AT.replace(year=2030)) == {someone.pk}


def test_adoption_needs_a_threshold_and_people_a_company(tree: dict) -> None:
    """RUL-01: what cannot be answered is refused where it stands."""
    assert [p.path for p in problems_of(
        {"test": "usage", "part": "app", "operator": "adopted"}, "person"
    )] == ["/operator"]  # fmt: skip
    rule = {"test": "usage", "part": "app", "measure": "people", "count": 2}
    assert [p.path for p in problems_of(rule, "person")] == ["/measure"]
    assert not problems_of(rule, "company")
    assert [p.path for p in problems_of({"test": "usage", "part": "gone"}, "person")] == ["/part"]
