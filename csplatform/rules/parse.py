"""JSON to rule and back. Whatever comes in, the answer is a rule or a DomainError with paths."""

from typing import Any

from csplatform.kit.errors import DomainError, Problem
from csplatform.kit.schema import parse_config
from csplatform.rules.kind import Known, RuleKind
from csplatform.rules.registry import rule_kinds
from csplatform.rules.tree import SUBJECTS, AllOf, AnyOf, Node, Not, Test

MAX_NODES = 500
MAX_DEPTH = 20
MAX_CROSSINGS = 3
_GROUPS = ("all", "any", "not")


def parse_rule(data: Any, subject: str, path: str = "", *, known: Known | None = None) -> Node:
    """A rule from JSON, checked against what exists now.

    Args:
        data: what `json.loads` gave, of any type.
        subject: "person" or "company".
        path: where the rule stands, put before the paths of problems.
        known: what was looked up already; give the same to several calls of one request.

    Raises DomainError with one problem per bad place.
    """
    return _Parser(subject, known or Known(), strict=True).run(data, path)


def load_rule(data: Any, subject: str, *, known: Known | None = None) -> Node:
    """A stored rule for evaluation: things that are gone meanwhile count as missing values.

    Raises DomainError if it was never a rule or names a kind that nobody registered.
    """
    return _Parser(subject, known or Known(), strict=False).run(data, "")


def problems_of(data: Any, subject: str, path: str = "") -> list[Problem]:
    """What is wrong with a rule; empty when it is fit."""
    try:
        parse_rule(data, subject, path)
    except DomainError as error:
        return error.problems
    return []


def dump(node: Node) -> dict[str, Any]:
    """The JSON of a rule; parsing it gives an equal rule."""
    if isinstance(node, AllOf):
        return {"all": [dump(item) for item in node.items]}
    if isinstance(node, AnyOf):
        return {"any": [dump(item) for item in node.items]}
    if isinstance(node, Not):
        return {"not": dump(node.item)}
    data = {"test": node.kind, **node.config.model_dump(exclude_defaults=True)}
    if node.inner is not None:
        data["rule"] = dump(node.inner)
    return data


class _Parser:
    """One parse: counts nodes, collects problems and goes on, so that all are shown at once."""

    def __init__(self, subject: str, known: Known, *, strict: bool) -> None:
        if subject not in SUBJECTS:
            raise ValueError(f"no such subject: {subject!r}")
        self.subject, self.known, self.strict = subject, known, strict
        self.problems: list[Problem] = []
        self.count = 0

    def run(self, data: Any, path: str) -> Node:
        node = self.node(data, self.subject, path, 1, 0)
        if self.problems:
            raise DomainError(self.problems)
        return node

    def bad(self, path: str, message: str, code: str = "invalid") -> Node:
        self.problems.append(Problem(path, message, code))
        return AllOf(())

    def node(self, data: Any, subject: str, path: str, depth: int, crossings: int) -> Node:
        self.count += 1
        if self.count > MAX_NODES:
            if self.count == MAX_NODES + 1:
                self.bad(path, f"A rule has at most {MAX_NODES} parts.", "too_large")
            return AllOf(())
        if depth > MAX_DEPTH:
            return self.bad(path, f"Rules nest at most {MAX_DEPTH} deep.", "too_deep")
        if not isinstance(data, dict):
            return self.bad(path, "A rule is an object: all, any, not or test.", "type")
        if not data:
            return AllOf(())
        if "test" in data:
            return self.test(data, subject, path, depth, crossings)
        if len(data) != 1 or next(iter(data)) not in _GROUPS:
            return self.bad(path, "Give exactly one of all, any, not or test.", "shape")
        word, below = next(iter(data.items()))
        if word == "not":
            return Not(self.node(below, subject, f"{path}/not", depth + 1, crossings))
        if not isinstance(below, list):
            return self.bad(f"{path}/{word}", "Give a list of rules.", "type")
        items = []
        for index, item in enumerate(below):
            if self.count > MAX_NODES:
                break
            items.append(self.node(item, subject, f"{path}/{word}/{index}", depth + 1, crossings))
        return AllOf(tuple(items)) if word == "all" else AnyOf(tuple(items))

    def test(
        self, data: dict[str, Any], subject: str, path: str, depth: int, crossings: int
    ) -> Node:
        key = data["test"]
        if key not in rule_kinds:
            known = ", ".join(k.key for k in rule_kinds if subject in k.subjects)
            return self.bad(
                f"{path}/test", f"There is no such test; use one of: {known}.", "unknown_kind"
            )
        kind = rule_kinds.get(key)
        if subject not in kind.subjects:
            whom = "people" if subject == "person" else "companies"
            return self.bad(
                f"{path}/test", f"“{kind.label}” cannot be asked about {whom}.", "subject"
            )
        config = self.config(kind, {k: v for k, v in data.items() if k != "test"}, path)
        if config is None:
            return AllOf(())
        inner = None
        if subject in kind.inner:
            if crossings >= MAX_CROSSINGS:
                message = (
                    f"A rule crosses between people and companies at most {MAX_CROSSINGS} times."
                )
                return self.bad(path, message, "too_deep")
            below = config.rule
            inner = self.node(below, kind.inner[subject], f"{path}/rule", depth + 1, crossings + 1)
            config = config.model_copy(update={"rule": {}})  # the node is its one truth
        if self.strict:
            self.problems += kind.check(config, subject, self.known, path)
        return Test(key, config, inner, kind.bind(config, subject, self.known))

    def config(self, kind: RuleKind, data: dict[str, Any], path: str) -> Any:
        """The config of a kind, or None after noting what is wrong."""
        if bad := _unfit_text(data, path):
            self.problems.append(bad)
            return None
        try:
            return parse_config(kind.Config, data, path)
        except DomainError as error:
            self.problems += error.problems
            return None


def _unfit_text(data: dict[str, Any], path: str) -> Problem | None:
    """Text that no database can hold: NUL characters and halves of surrogate pairs."""
    stack: list[tuple[str, Any]] = [
        (f"{path}/{name}" if isinstance(name, str) else path, item)
        for name, item in data.items()
        if name != "rule"
    ]
    stack += [(path, name) for name in data]
    while stack:
        place, item = stack.pop()
        if isinstance(item, str):
            if "\x00" in item or any("\ud800" <= letter <= "\udfff" for letter in item):
                place = place.encode("utf-8", "replace").decode().replace("\x00", "")
                return Problem(place, "Remove the characters that are no text.", "text")
        elif isinstance(item, list):
            stack += [(f"{place}/{index}", below) for index, below in enumerate(item)]
        elif isinstance(item, dict):
            stack += [(place, name) for name in item]
            stack += [(f"{place}/{name}", below) for name, below in item.items()]
    return None
