"""YAML text to plain values and back: the part of YAML that is JSON, and nothing more.

No aliases (a few lines of them can stand for gigabytes), no tags, no dates, no "yes" for true; a
key stands once. What is written can be read by any YAML reader.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

import yaml
from yaml.resolver import BaseResolver

from csplatform.api.parsing import MAX_DEPTH, unfit_places
from csplatform.kit.errors import DomainError, Problem

# Together they keep the worst text that is read below two seconds: a value costs about 20 µs
# however short it is, a letter one.
MAX_BYTES = 500_000
MAX_VALUES = 50_000
MAX_DOCUMENTS = 200
WIDTH = 100
_FOLD_FROM = 80
_WORDS = {"null": None, "~": None, "": None, "true": True, "false": False}
_INT = re.compile(r"^[-+]?(0|[1-9][0-9]*)$")
_FLOAT = re.compile(r"^[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)([eE][-+]?[0-9]+)?$")
# An octal-looking or very long number is text: nobody means 8 by 010.
_ZEROS = re.compile(r"^[-+]?0[0-9]")
# What a block of literal text cannot hold or would change.
_NO_BLOCK = re.compile(
    r"[^\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010fffd]"
)
_EDGES = re.compile(r"^[ \n]| $| \n")


def load_documents(given: str | bytes) -> list[dict[str, Any]]:
    """The documents of a text, each a mapping.

    Raises DomainError: with the line for what is no YAML, with /documents/<number> else.
    """
    text = _decoded(given)
    try:
        found = [item for item in _some(text) if item is not None]
    except yaml.MarkedYAMLError as error:
        raise DomainError(_where(error), code="yaml") from None
    except yaml.YAMLError as error:
        raise DomainError(f"This is no YAML: {_plain(error)}.", code="yaml") from None
    except RecursionError:
        raise DomainError("This is nested too deeply.", code="too_deep") from None
    if not found:
        raise DomainError("There is nothing in it: start with “kind:” and “name:”.", code="empty")
    problems = unfit_places(found)
    problems += [
        Problem(f"/{index}", "Each document is a mapping that starts with “kind:” and “name:”.")
        for index, item in enumerate(found)
        if not isinstance(item, dict)
    ]
    if problems:
        raise DomainError([Problem(f"/documents{p.path}", p.message, p.code) for p in problems])
    return found


def _some(text: str) -> Iterator[Any]:
    """One document after the other. Raises DomainError at the first that is too many."""
    for number, item in enumerate(yaml.load_all(text, Loader=_Loader)):
        if number >= MAX_DOCUMENTS:
            message = f"At most {MAX_DOCUMENTS} documents at once; split the file."
            raise DomainError(message, path="/documents", code="too_many")
        yield item


def _decoded(given: str | bytes) -> str:
    if len(given) > MAX_BYTES:
        raise DomainError(f"At most {MAX_BYTES:,} bytes at once; split the file.", code="too_large")
    try:
        text = given if isinstance(given, str) else given.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DomainError("This is no text in UTF-8.", code="encoding") from None
    return text.removeprefix("\ufeff")


def _where(error: yaml.MarkedYAMLError) -> str:
    """What is wrong, with line and column."""
    mark = error.problem_mark or error.context_mark
    place = f"Line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    said = (error.problem or error.context or "this is no YAML").strip()
    if "'\\t'" in said:
        said = "a tab; indent with blanks"
    return f"{place}{said}."


def _plain(error: Exception) -> str:
    """One line of an error without a place, e.g. of an unprintable character."""
    return " ".join(str(error).split())[:200]


class _Loader(yaml.SafeLoader):
    """JSON's types only, and not more of them than can be read in a moment."""

    yaml_implicit_resolvers: dict[str, Any] = {}
    values = depth = brackets = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Nothing stands for something else; too much is refused while it is read."""
        # Within brackets the reader's work for each value grows with their number.
        self.values += 1 + self.brackets // 8
        if self.check_event(yaml.AliasEvent):
            self._refuse("aliases (*name) are not read here; write the value out")
        if self.values > MAX_VALUES:
            self._refuse(f"at most {MAX_VALUES:,} values at once; split the file")
        if self.depth > MAX_DEPTH:
            self._refuse("this is nested too deeply")
        is_bracket = bool(getattr(self.peek_event(), "flow_style", False))
        self.depth, self.brackets = self.depth + 1, self.brackets + is_bracket
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth, self.brackets = self.depth - 1, self.brackets - is_bracket

    def _refuse(self, message: str) -> NoReturn:
        mark = self.peek_event().start_mark
        raise yaml.MarkedYAMLError(problem=message, problem_mark=mark)


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[str, Any]:
    """A mapping whose keys are text and stand once."""
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        is_text = isinstance(key_node, yaml.ScalarNode)
        if not is_text or key_node.value in found:
            message = f"“{key_node.value}” stands here twice" if is_text else "a key must be a word"
            raise yaml.MarkedYAMLError(problem=message, problem_mark=key_node.start_mark)
        found[key_node.value] = loader.construct_object(value_node, deep=True)
    return found


def _scalar(loader: _Loader, node: yaml.ScalarNode) -> Any:
    """Text as it stands when quoted or in a block; else null, true, false or a number if it is."""
    return node.value if node.style is not None else _meant(node.value)


def _meant(text: str) -> Any:
    """What a plain word stands for."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.match(text):
        return int(text) if len(text) < 40 else float("inf")  # refused as too large
    return float(text) if _FLOAT.match(text) and not _ZEROS.match(text) else text


def _refused(loader: _Loader, node: yaml.Node) -> Any:
    message = f"tags such as {node.tag.rsplit(':', 1)[-1]} are not read here"
    raise yaml.MarkedYAMLError(problem=message, problem_mark=node.start_mark)


_Loader.yaml_constructors = {
    BaseResolver.DEFAULT_MAPPING_TAG: _mapping,
    BaseResolver.DEFAULT_SEQUENCE_TAG: lambda loader, node: loader.construct_sequence(node, True),
    BaseResolver.DEFAULT_SCALAR_TAG: _scalar,
    None: _refused,
}


class _Dumper(yaml.SafeDumper):
    """Lists indented below their key; long text in blocks; nothing by alias."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Lists are indented, which is easier to read in a comparison of lines."""
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        """Always write things out."""
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Several lines as they stand; one long line folded; the rest plain or quoted."""
    lines = text.split("\n")
    clean = not _NO_BLOCK.search(text)
    style = None
    if clean and len(lines) > 1 and text.strip("\n") and not _EDGES.search(text):
        style = "|"
    elif not clean or len(lines) > 1 or _meant(text) != text:
        style = '"'
    elif len(text) > _FOLD_FROM and "  " not in text and text == text.strip(" "):
        style = ">"
    return dumper.represent_scalar(BaseResolver.DEFAULT_SCALAR_TAG, text, style=style)


_Dumper.add_representer(str, _text)


def dump_documents(documents: Sequence[dict[str, Any]]) -> str:
    """The text of documents; loading it gives them again. Keys keep their order."""
    return yaml.dump_all(
        documents, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDTH,
        explicit_start=len(documents) > 1, default_flow_style=False,
    )  # fmt: skip
