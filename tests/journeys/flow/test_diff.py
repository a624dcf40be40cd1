"""What changed between two versions, in sentences (PRG-42)."""

import pytest

from journeys.flow.diff import diff_words
from journeys.flow.parse import parse_flow
from tests import factories as make

pytestmark = pytest.mark.django_db


def diff(old, new):
    return diff_words(parse_flow(old), parse_flow(new), "person")


def wait(key, **more):
    return make.step("wait_timer", key, **{"amount": 1, "unit": "days", **more})


def fork(key, yes=(), other=(), label="Yes", rule=None):
    path = {"key": "yes", "label": label, "rule": rule or {}}
    return make.step("if_else", key, paths=[path], exits={"yes": list(yes), "else": list(other)})


def test_the_same_flow_has_no_differences():
    flow = make.flow(wait("aa"), fork("bb", [wait("cc")]))
    assert diff(flow, flow) == []


def test_added_removed_and_moved_steps_are_named():
    old = make.flow(wait("aa"), wait("bb"), fork("cc", [wait("dd"), wait("ee")]))
    new = make.flow(wait("bb"), wait("aa"), wait("ff", name="Pause"))
    told = diff(old, new)
    assert "Removed “cc” (If / else) and the 2 steps below it." in told
    assert "Added “Pause” (Wait timer) after “aa”." in told
    assert sum(line.startswith("Moved") for line in told) == 1
    assert len(told) == 3


def test_a_step_moved_into_a_path_says_where():
    old = make.flow(fork("cc"), wait("aa"))
    new = make.flow(fork("cc", [wait("aa")]))
    assert diff(old, new) == ["Moved “aa” (Wait timer) at the start of the path “yes” of “cc”."]


def test_settings_are_told_old_and_new():
    mail, other = make.mail_template(name="Hello"), make.mail_template(name="Good day")
    old = make.flow(wait("aa"), make.step("send_email", "ml", template=mail.pk))
    new = make.flow(
        wait("aa", amount=3), make.step("send_email", "ml", name="Post", template=other.pk)
    )
    assert diff(old, new) == [
        "“aa”: Wait for 1 → 3.",
        "Renamed “ml” to “Post”.",
        "“Post”: Mail template “Hello” → “Good day”.",
    ]


def test_paths_entry_goal_and_exit_rules_are_told():
    rule = {"all": [{"test": "attribute", "name": "role", "operator": "equals", "value": "admin"}]}
    old = make.flow(fork("cc"))
    new = make.flow(
        fork("cc", label="Admins", rule=rule),
        entry={"sources": [], "include_existing": False},
        goal=rule, goal_exits=False, exits=[{"name": "Churned", "rule": rule}],
    )  # fmt: skip
    told = " ".join(diff(old, new))
    assert "Members already inside yes → no" in told
    assert "Goal: nothing → " in told
    assert "no longer ends the run" in told
    assert "Added the exit rule “Churned”" in told
    assert "Name “Yes” → “Admins”" in told
    assert "When nothing → " in told
