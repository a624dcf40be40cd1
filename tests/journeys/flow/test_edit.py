"""Edits keep a flow a tree with unique keys, and undo each other (PRG-03, PRG-04)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csplatform.kit.errors import DomainError
from journeys.flow import edit
from journeys.flow.commands import apply
from journeys.flow.document import Flow, FlowStep, dump, find, walk
from journeys.flow.edit import Spot
from journeys.flow.parse import parse_flow
from journeys.steps.registry import step_kinds

KINDS = ["wait_timer", "if_else", "split", "conditional_wait", "exit", "send_email"]
EMPTY = Flow({"sources": []}, ())


def spots(flow: Flow) -> list[Spot]:
    """Every "+" of a flow."""
    found = [Spot("", "", i) for i in range(len(flow.steps) + 1)]
    for place in walk(flow):
        for key, steps in place.step.exits.items():
            found += [Spot(place.step.key, key, i) for i in range(len(steps) + 1)]
    return found


def keys(flow: Flow) -> list[str]:
    return [place.step.key for place in walk(flow)]


def below(step: FlowStep) -> list[str]:
    """Keys of a step and all in its branches."""
    return keys(Flow({}, (step,)))


def assert_tree(flow: Flow) -> None:
    """It parses as the same flow, keys are unique, exits are those of the settings."""
    assert parse_flow(dump(flow)) == flow
    assert len(set(keys(flow))) == len(keys(flow))
    for place in walk(flow):
        wanted = edit.exit_keys(step_kinds.get(place.step.kind), place.step.config)
        assert wanted is not None
        assert list(place.step.exits) == list(wanted)


def grown(choose, moves: int) -> Flow:
    """A flow after random edits."""
    flow = EMPTY
    for _ in range(moves):
        flow = one_edit(choose, flow)
    return flow


def one_edit(choose, flow: Flow) -> Flow:
    everything = keys(flow)
    verb = choose(
        st.sampled_from(["insert", "insert", "insert", "move", "copy", "delete", "paths"])
    )
    spot = choose(st.sampled_from(spots(flow)))
    if verb == "insert" or not everything:
        return edit.insert_new(flow, spot, choose(st.sampled_from(KINDS))).flow
    key = choose(st.sampled_from(everything))
    place = find(flow, key)
    assert place is not None
    if verb == "move":
        if spot.parent in below(place.step):
            with pytest.raises(DomainError, match="its own branch"):
                edit.move(flow, key, spot)
            return flow
        return edit.move(flow, key, spot).flow
    if verb == "copy":
        return edit.paste(flow, spot, (place.step,)).flow
    if verb == "delete":
        keep = choose(st.sampled_from(["", *place.step.exits]))
        return edit.delete(flow, key, keep=keep).flow
    return more_paths(choose, flow, place.step)


def more_paths(choose, flow: Flow, step: FlowStep) -> Flow:
    if step.kind != "if_else":
        return flow
    names = choose(st.lists(st.sampled_from(["yes", "b", "c", "d"]), min_size=1, unique=True))
    paths = [{"key": name, "label": name} for name in names]
    return edit.update(flow, step.key, config={"paths": paths}).flow


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_sequence_of_edits_leaves_a_tree_with_unique_keys(data):
    """PRG-03: always acyclic, always drawable."""
    flow = EMPTY
    for _ in range(data.draw(st.integers(1, 14))):
        flow = one_edit(data.draw, flow)
        assert_tree(flow)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_inserting_and_deleting_is_identity(data):
    flow = grown(data.draw, data.draw(st.integers(0, 10)))
    spot = data.draw(st.sampled_from(spots(flow)))
    edited = edit.insert_new(flow, spot, data.draw(st.sampled_from(KINDS)))
    assert edit.delete(edited.flow, edited.selected).flow == flow


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_moving_there_and_back_is_identity(data):
    flow = grown(data.draw, data.draw(st.integers(2, 10)))
    if not keys(flow):
        return
    key = data.draw(st.sampled_from(keys(flow)))
    place = find(flow, key)
    targets = [spot for spot in spots(flow) if spot.parent not in below(place.step)]
    spot = data.draw(st.sampled_from(targets))
    moved = edit.move(flow, key, spot).flow
    assert sorted(keys(moved)) == sorted(keys(flow))
    there = find(moved, key)
    same = (there.parent_key, there.parent_exit) == (place.parent_key, place.parent_exit)
    # Spots are counted before the move: going down in the same sequence, the step itself counts.
    index = place.position + (1 if same and there.position < place.position else 0)
    assert edit.move(moved, key, Spot(place.parent_key, place.parent_exit, index)).flow == flow


def example() -> Flow:
    """A mail, a wait for its opening, an if/else inside the lower path."""
    flow = edit.insert_new(EMPTY, Spot(), "send_email").flow
    mail = flow.steps[0].key
    flow = edit.insert_new(flow, Spot("", "", 1), "conditional_wait").flow
    wait = flow.steps[1].key
    conditions = [{"type": "event", "step": mail, "event": "opened"}]
    flow = edit.update(flow, wait, config={"conditions": conditions}).flow
    flow = edit.insert_new(flow, Spot(wait, "met", 0), "wait_timer").flow
    return edit.insert_new(flow, Spot(wait, "not_met", 0), "if_else").flow


def test_a_copy_points_at_the_copied_steps():
    """Conditions about a copied step follow its copy; those about others stay."""
    flow = example()
    mail, wait = flow.steps
    copied = edit.paste(flow, Spot("", "", 2), (mail, wait)).flow
    new_mail, new_wait = copied.steps[2:]
    assert new_mail.key != mail.key
    assert new_wait.config["conditions"][0]["step"] == new_mail.key
    alone = edit.duplicate(flow, wait.key).flow.steps[2]
    assert alone.config["conditions"][0]["step"] == mail.key
    assert alone.name == "Conditional wait 2"


def test_deleting_a_branching_step_can_keep_one_path():
    flow = example()
    wait = flow.steps[1]
    edited = edit.delete(flow, wait.key, keep="met")
    assert [step.kind for step in edited.flow.steps] == ["send_email", "wait_timer"]
    assert edited.removed[""][0].key == wait.key
    assert edited.selected == wait.exits["met"][0].key


def test_exits_follow_the_settings_and_keep_their_steps():
    flow = edit.insert_new(EMPTY, Spot(), "if_else").flow
    key = flow.steps[0].key
    two = [{"key": "yes", "label": "Yes"}, {"key": "b", "label": "B"}]
    flow = edit.update(flow, key, config={"paths": two}).flow
    flow = edit.insert_new(flow, Spot(key, "b", 0), "wait_timer").flow
    renamed = [{"key": "yes", "label": "Yes"}, {"key": "b", "label": "Big"}]
    flow = edit.update(flow, key, config={"paths": renamed}).flow
    assert [s.kind for s in flow.steps[0].exits["b"]] == ["wait_timer"]
    edited = edit.update(flow, key, config={"paths": renamed[:1]})
    assert list(edited.flow.steps[0].exits) == ["yes", "else"]
    assert [s.kind for s in edited.removed["b"]] == ["wait_timer"]


def test_half_typed_groups_already_have_their_paths():
    """A third group shows its path before the percentages add up."""
    flow = edit.insert_new(EMPTY, Spot(), "split").flow
    groups = [{"key": k, "label": k, "percent": 50} for k in "abc"]
    flow = edit.update(flow, flow.steps[0].key, config={"groups": groups}).flow
    assert list(flow.steps[0].exits) == ["a", "b", "c"]
    unreadable = [{"key": "a", "label": "a", "percent": "x"}]
    same = edit.update(flow, flow.steps[0].key, config={"groups": unreadable}).flow
    assert list(same.steps[0].exits) == ["a", "b", "c"]


def test_settings_are_stored_in_their_own_types():
    flow = edit.insert_new(EMPTY, Spot(), "send_email").flow
    key = flow.steps[0].key
    assert edit.update(flow, key, config={"template": "7"}).flow.steps[0].config["template"] == 7


@pytest.mark.parametrize(
    ("command", "path"),
    [
        (None, "/edit"),
        ({"op": "explode"}, "/edit/op"),
        ({"op": "insert", "kind": "nope", "at": {"index": 0}}, "/kind"),
        ({"op": "insert", "kind": "exit"}, "/edit/at"),
        ({"op": "insert", "kind": "exit", "at": {"index": 9}}, "/at/index"),
        ({"op": "insert", "kind": "exit", "at": {"index": 0, "parent": "zz", "exit": "a"}}, "/at"),
        ({"op": "insert", "kind": "exit", "at": {"index": "x"}}, "/edit/at/index"),
        ({"op": "delete", "key": "zz"}, "/key"),
        ({"op": "move", "key": "zz", "at": {"index": 0}}, "/key"),
        ({"op": "update", "key": "zz", "config": {}}, "/key"),
        ({"op": "update", "key": "zz", "config": []}, "/edit/config"),
        ({"op": "paste", "steps": [], "at": {"index": 0}}, "/steps"),
        ({"op": "paste", "steps": [{"key": "A!"}], "at": {"index": 0}}, "/steps/0/key"),
        ({"op": "document", "document": {"steps": 3}}, "/steps"),
        ({"op": "entry", "entry": {}, "more": 1}, "/edit/more"),
    ],
)
def test_bad_edits_are_refused_with_their_place(command, path):
    with pytest.raises(DomainError) as caught:
        apply(example(), command)
    assert path in [problem.path for problem in caught.value.problems]


def test_a_step_cannot_move_into_its_own_branch():
    flow = example()
    wait = flow.steps[1]
    inner = wait.exits["not_met"][0]
    with pytest.raises(DomainError, match="its own branch"):
        edit.move(flow, wait.key, Spot(inner.key, "yes", 0))


def test_depth_has_a_limit_for_single_edits_too():
    flow = EMPTY
    spot = Spot()
    for _ in range(31):
        edited = edit.insert_new(flow, spot, "if_else")
        flow, spot = edited.flow, Spot(edited.selected, "yes", 0)
    with pytest.raises(DomainError, match="levels deep"):
        apply(flow, {"op": "insert", "kind": "exit",
                     "at": {"parent": spot.parent, "exit": "yes", "index": 0}})  # fmt: skip
