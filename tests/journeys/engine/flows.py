"""Four programs that together hold every step kind of this room, in variants that can follow one
another as versions, with what may be amended in them.

Conditions on facts read what people set from outside ("plan", logins). What a step sets ("tier") is
read by one wait only, whose limit never comes: so the order in which workers take things up decides
nothing, and the end state can be told.
"""

from typing import Any

from tests import factories as make

LOGIN = "login"
PRO = {"test": "attribute", "name": "plan", "operator": "equals", "value": "pro"}
GONE = {"test": "attribute", "name": "plan", "operator": "equals", "value": "gone"}
GOLD = {"test": "attribute", "name": "tier", "operator": "equals", "value": "gold"}
VARIANTS = 3
Step = dict[str, Any]


def logged_in(count: int) -> dict[str, Any]:
    """So many logins."""
    return {"test": "event", "name": LOGIN, "operator": "at_least", "count": count}


def about(event: str, step: str = "ml") -> dict[str, Any]:
    """A condition on what happens to a mail."""
    return {"type": "event", "step": step, "event": event, "rule": {}}


def asks(rule: dict[str, Any]) -> dict[str, Any]:
    """A condition on facts."""
    return {"type": "rule", "step": "", "event": "", "rule": rule}


def wait(conditions: list[dict], logic: str, amount: int, unit: str = "hours") -> dict[str, Any]:
    """The config of a conditional wait."""
    return {"conditions": conditions, "logic": logic, "amount": amount, "unit": unit}


def leave(key: str, reason: str) -> Step:
    """An exit."""
    return make.step("exit", key, reason=reason)


def timer(key: str, hours: int) -> Step:
    """A wait timer."""
    return make.step("wait_timer", key, amount=hours, unit="hours")


def answered(variant: int, template: int) -> dict[str, Any]:
    """A mail that is opened or not, an attribute, a branch, a timer; one may come again."""
    opened = wait([about("opened")], "any", 3)
    branch = [{"key": "yes", "label": "Pro", "rule": PRO}]
    return make.flow(
        make.step("send_email", "ml", template=template),
        make.step("conditional_wait", "cw", **opened, exits={
            "met": [make.step("set_attribute", "sa", attribute="tier", value="gold")],
            "not_met": [timer("tm", 1 + variant)]}),
        make.step("if_else", "ie", paths=branch,
                  exits={"yes": [leave("e1", "is pro")], "else": []}),
        timer("w2", 2),
        entry={"sources": [], "re_enrolment": "every_time"},
    )  # fmt: skip


def both(variant: int, template: int) -> dict[str, Any]:
    """All of two events, then one of several, also negative; a goal that lets them stay."""
    second = wait([about("clicked"), about("not_opened")], "any", 2)
    return make.flow(
        make.step("send_email", "ml", template=template),
        make.step("conditional_wait", "cw", **wait([about("opened"), about("clicked")], "all", 4),
                  exits={"met": [leave("e1", "both")], "not_met": []}),
        make.step("conditional_wait", "c2", **second, exits={
            "met": [leave("e2", "one of them")], "not_met": [timer("tm", 1 + variant)]}),
        goal=PRO, goal_exits=False,
    )  # fmt: skip


def facts(variant: int, template: int) -> dict[str, Any]:
    """Waits on facts and a split; a goal that ends the run, and a rule that unenrols."""
    first = wait([asks(PRO), asks(logged_in(2))], "any", 6)
    halves = [{"key": "a", "label": "A", "percent": 50}, {"key": "b", "label": "B", "percent": 50}]
    return make.flow(
        make.step("conditional_wait", "cw", **first, exits={"met": [], "not_met": []}),
        make.step("split", "sp", groups=halves, exits={"a": [timer("tm", 1 + variant)], "b": []}),
        make.step("conditional_wait", "c2", **wait([asks(GOLD)], "any", 3000, "days"),
                  exits={"met": [leave("e1", "gold")], "not_met": []}),
        entry={"sources": [], "re_enrolment": "every_time"},
        goal=logged_in(4),
        exits=[{"name": "Gone", "rule": GONE}],
    )  # fmt: skip


def quiet(variant: int, template: int) -> dict[str, Any]:
    """What did not happen, judged at the limit; whoever is gone leaves."""
    silence = wait([about("not_clicked"), asks({"not": logged_in(1)})], "all", 2 + variant)
    return make.flow(
        make.step("send_email", "ml", template=template),
        make.step("conditional_wait", "cw", **silence, exits={
            "met": [make.step("send_email", "m2", template=template)], "not_met": []}),
        make.step("conditional_wait", "c2", **wait([about("clicked", "ml")], "any", 1),
                  exits={"met": [leave("e1", "at last")], "not_met": []}),
        exits=[{"name": "Gone", "rule": GONE}],
    )  # fmt: skip


FLOWS = {"answered": answered, "both": both, "facts": facts, "quiet": quiet}
# Other conditions for the wait "cw" with the same events and limit; the first is as published.
AMENDED: dict[str, list[tuple[list[dict], str]]] = {
    "answered": [
        ([about("opened")], "any"),
        ([about("opened"), asks(PRO)], "any"),
        ([about("opened"), asks(logged_in(1))], "all"),
    ],
    "both": [
        ([about("opened"), about("clicked")], "all"),
        ([about("opened"), about("clicked")], "any"),
        ([about("opened"), about("clicked"), asks(logged_in(3))], "any"),
    ],
    "facts": [
        ([asks(PRO), asks(logged_in(2))], "any"),
        ([asks(PRO), asks(logged_in(2))], "all"),
        ([asks(logged_in(1))], "any"),
    ],
    "quiet": [
        ([about("not_clicked"), asks({"not": logged_in(1)})], "all"),
        ([about("not_clicked"), asks({"not": logged_in(1)})], "any"),
        ([about("not_clicked")], "all"),
    ],
}
