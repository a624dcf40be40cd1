"""The contract of a kind of test. One kind is one file; nobody else branches on its key."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from csplatform.customers.attributes import Spec, attribute_specs
from csplatform.kit.errors import Problem
from csplatform.kit.schema import Config
from csplatform.rules.facts import Facts, Needs
from csplatform.rules.scope import Scope
from csplatform.rules.sqltext import Sql
from csplatform.rules.tree import SUBJECTS, Test

if TYPE_CHECKING:
    from csplatform.rules.flips import Whom


class FactKey(NamedTuple):
    """A fact that a rule reads: when it is touched, the rule may change its answer.

    Attributes:
        subject: whose fact it is.
        key: "attr.<name>", "event.<name>", "segment.<id>" or "membership".
        hops: how many relations lie between the rule's subject and the fact's.
    """

    subject: str
    key: str
    hops: int = 0


class Known:
    """What there is to name in rules (attributes, segments ...), looked up once per parse."""

    def __init__(self) -> None:
        self._found: dict[str, Any] = {}

    def lookup(self, key: str, load: Callable[[], Any]) -> Any:
        """The result of `load`, asked for once."""
        if key not in self._found:
            self._found[key] = load()
        return self._found[key]

    def attributes(self, subject: str) -> dict[str, Spec]:
        """All attributes of a subject."""
        found: dict[str, Spec] = self.lookup(
            f"attributes.{subject}", lambda: attribute_specs(subject)
        )
        return found


@dataclass(frozen=True)
class Example:
    """A fit config for the contract suite and the docs."""

    subject: str
    config: dict[str, Any] = field(default_factory=dict)


class RuleKind:
    """A kind of test. Subclass, set the attributes, register in `registrations.py`.

    Every test is two-valued: a missing value is decided by the kind, once, in its docstring.

    Attributes:
        key, label, group: its name in JSON, on the screen, and the heading it stands under.
        help: one sentence for the builder.
        subjects: about whom it can be asked.
        Config: its settings; the builder's inputs derive from it. A field that holds an id says of
            what by json_schema_extra={"reference": "segment"}.
        editor: the builder's input: "fields" derives it from Config.
        offered: whether the builder offers it everywhere; else a page adds it where it makes sense.
        inner: subject to the subject of a nested rule in the setting "rule"; empty for none.
        examples: fit configs.
    """

    key: ClassVar[str] = ""
    label: ClassVar[str] = ""
    group: ClassVar[str] = ""
    help: ClassVar[str] = ""
    subjects: ClassVar[tuple[str, ...]] = SUBJECTS
    Config: ClassVar[type[Config]] = Config
    editor: ClassVar[str] = "fields"
    offered: ClassVar[bool] = True
    inner: ClassVar[dict[str, str]] = {}
    examples: ClassVar[tuple[Example, ...]] = ()

    def check(self, config: Any, subject: str, known: Known, path: str) -> list[Problem]:
        """What is wrong with the config beyond its shape, e.g. that an attribute is gone."""
        return []

    def bind(self, config: Any, subject: str, known: Known) -> Any:
        """What the test needs to know about what it names. Never raises; None when it is gone."""
        return None

    def sql(self, test: Test, scope: Scope) -> Sql:
        """A two-valued condition over the row `scope.alias`."""
        raise NotImplementedError

    def holds(self, test: Test, facts: Facts, at: datetime) -> bool:
        """The same answer from loaded facts."""
        raise NotImplementedError

    def value(self, test: Test, facts: Facts, at: datetime) -> Any:
        """What the answer rests on, as JSON, for explanations."""
        return None

    def needs(self, test: Test, subject: str) -> Needs:
        """The facts that `holds` reads."""
        return Needs()

    def fact_keys(self, test: Test, subject: str) -> set[FactKey]:
        """The facts whose change may change the answer, those of `inner` apart."""
        return set()

    def words(self, test: Test, subject: str, inner: str = "") -> str:
        """The test as part of a sentence; `inner` is the nested rule in words. Never fails."""
        raise NotImplementedError

    def references(self, test: Test) -> set[tuple[str, Any]]:
        """What the test names elsewhere, as (type, id)."""
        return set()

    def time_dependent(self, test: Test) -> bool:
        """Whether time alone may change the answer."""
        return False

    def flips(self, test: Test, subject: str, at: datetime, whom: "Whom") -> list[Sql]:
        """Queries `SELECT id, due`: moments after `at` at which time alone may change the answer
        about somebody in `whom` (see `rules.flips`). None where `time_dependent` is False."""
        return []


def shape_problem(kind: RuleKind) -> str:
    """What is wrong with a kind's shape, "" when it is fit; the registry asks at start."""
    if not isinstance(kind, RuleKind):
        return "is no RuleKind"
    wrong = [name for name in ("key", "label", "group") if not getattr(kind, name)]
    if wrong:
        return f"lacks {', '.join(wrong)}"
    if not (isinstance(kind.Config, type) and issubclass(kind.Config, Config)):
        return "Config is no kit.schema.Config"
    if not kind.subjects or set(kind.subjects) - set(SUBJECTS):
        return "subjects must be of person, company"
    if kind.inner and "rule" not in kind.Config.model_fields:
        return "has an inner subject but no setting “rule”"
    if not kind.examples:
        return "lacks examples"
    missing = [
        n for n in ("sql", "holds", "words") if getattr(type(kind), n) is getattr(RuleKind, n)
    ]
    return f"does not say {', '.join(missing)}" if missing else ""
