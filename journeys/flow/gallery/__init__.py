"""Ready programs to start from (PRG-83): one YAML file each, documents as any import takes them.

The first document of a file is the card: `kind: template`, its name, `sentence`, `purpose`. The
others are what the program needs and the program itself, as `export_config` would write them.
Rooms above add folders of their own to `gallery_folders`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from csplatform.ascode.kind import Fields, export_kinds
from csplatform.ascode.yamltext import load_documents
from csplatform.kit.errors import DomainError
from csplatform.kit.schema import parse_config
from journeys.flow.document import Flow
from journeys.flow.parse import parse_flow

PURPOSES = ("Onboarding", "Adoption", "Retention", "News", "Accounts")
PROGRAM = "program"
# Ids of things that are not there yet, for drawing a template; far from any real one.
_UNREAL = 10**15

gallery_folders: list[Path] = []


class Card(Fields):
    """What the gallery says of a template."""

    sentence: str = Field(min_length=1, max_length=200)
    purpose: Literal["Onboarding", "Adoption", "Retention", "News", "Accounts"]


@dataclass(frozen=True)
class Template:
    """A ready program.

    Attributes:
        key: the file's name.
        documents: of the things that it brings along, then of the program.
    """

    key: str
    label: str
    sentence: str
    purpose: str
    documents: tuple[Mapping[str, Any], ...]

    @property
    def program(self) -> Mapping[str, Any]:
        """The program's document."""
        return self.documents[-1]

    @property
    def type(self) -> str:
        """Who travels it."""
        return str(self.program.get("type", "person"))

    @property
    def brings(self) -> list[tuple[str, str]]:
        """(kind in words, name) of what comes along."""
        return [
            (export_kinds.get(item["kind"]).label, item["name"]) for item in self.documents[:-1]
        ]

    def of_kind(self, key: str) -> list[Mapping[str, Any]]:
        """Its documents of a kind, e.g. the mails."""
        return [item for item in self.documents if item["kind"] == key]


def register() -> None:
    """Called once at start by journeys.registrations."""
    gallery_folders.append(Path(__file__).parent)


def templates() -> list[Template]:
    """All templates, by purpose and name. Raises DomainError for a file that is none."""
    return list(_loaded(tuple(gallery_folders)))


def find_template(key: str) -> Template:
    """One template. Raises DomainError."""
    for template in templates():
        if template.key == key:
            return template
    raise DomainError("There is no such template (any more).", path="/template", code="unknown")


@lru_cache(maxsize=4)
def _loaded(folders: tuple[Path, ...]) -> tuple[Template, ...]:
    """Read when first asked for: a worker never does."""
    found = [_template(path) for folder in folders for path in sorted(folder.glob("*.yaml"))]
    order = {purpose: index for index, purpose in enumerate(PURPOSES)}
    return tuple(sorted(found, key=lambda t: (order[t.purpose], t.label)))


def _template(path: Path) -> Template:
    card, *documents = load_documents(path.read_bytes())
    if card.pop("kind", "") != "template" or not documents:
        raise DomainError(f"{path.name} does not start with a card.", code="template")
    label = str(card.pop("name", ""))
    shown = parse_config(Card, card, f"/{path.stem}")
    if documents[-1].get("kind") != PROGRAM:
        raise DomainError(f"{path.name} does not end with its program.", code="template")
    return Template(path.stem, label, shown.sentence, shown.purpose, tuple(documents))


def flow_and_names(template: Template) -> tuple[Flow, dict[str, str]]:
    """The flow for drawing it before anything exists: things stand by made-up ids, whose names
    come along as "type:id" -> name."""
    ids: dict[tuple[str, str], int] = {}

    def unreal(type_: str, name: Any, path: str) -> int:
        return ids.setdefault((type_, name), _UNREAL + len(ids))

    kind = export_kinds.get(PROGRAM)
    settings = {k: v for k, v in template.program.items() if k not in ("kind", "name")}
    data = kind.swapped(parse_config(kind.Document, settings).model_dump(), "", unreal)
    parts = {key: data[key] for key in ("entry", "goal", "goal_exits", "exits", "steps")}
    return parse_flow(parts), {f"{type_}:{pk}": name for (type_, name), pk in ids.items()}


def words_of(template: Template) -> Iterator[str]:
    """Everything that a search looks at."""
    yield from (template.label, template.sentence, template.purpose)
    yield from (name for _, name in template.brings)
