"""How one gets in, who is held out, and what unrolls a run: settings of a flow document.

Sources are a union told apart by `kind`. What was published before a setting existed reads as its
default.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from csplatform.kit.schema import TAG, Config
from csplatform.rules.properties import PropertyFilter

RULE: dict[str, Any] = {"widget": "rule"}
FIELD_NAME = r"^[a-z][a-z0-9_]{0,39}$"
MAX_FIELDS = 40


class SegmentSource(Config):
    """Everybody in a segment or on a static list."""

    kind: Literal["segment"] = "segment"
    segment: int = Field(
        title="Segment or list",
        description="Those inside at publishing (if you say so below) and whoever comes later.",
        json_schema_extra={"options": "segments", "reference": "segment"},
    )


class QuerySource(Config):
    """Everybody whom a rule of the program's own matches."""

    kind: Literal["query"] = "query"
    rule: dict[str, Any] = Field(
        default={},
        title="Who",
        description="Kept up to date like a segment; it belongs to this program alone.",
        json_schema_extra=RULE,
    )


class CsvSource(Config):
    """Everybody in an uploaded file."""

    kind: Literal["csv"] = "csv"
    list: int = Field(title="File", json_schema_extra={"options": "entry_lists"})


class Mapped(Config):
    """A participant field and the property of the event that fills it."""

    field: str = Field(
        pattern=FIELD_NAME,
        title="Field",
        description="Lower-case letters, digits and _; mails show it as {{ participant.NAME }}.",
    )
    property: str = Field(min_length=1, max_length=100, title="From the property")


class EventSource(Config):
    """Everybody to whom an event happens; every event is looked at by itself."""

    kind: Literal["event"] = "event"
    event: str = Field(
        min_length=1,
        max_length=200,
        title="Event",
        json_schema_extra={"widget": "event_name", "options": "event_names"},
    )
    where: list[PropertyFilter] = Field(
        default=[],
        max_length=10,
        title="Only those whose properties",
        json_schema_extra={"noun": "property test"},
    )
    context_id: str = Field(
        default="",
        max_length=100,
        title="Context id from the property",
        description="E.g. ticket_id: then somebody may run once per ticket. Empty: none.",
    )
    fields: list[Mapped] = Field(default=[], max_length=MAX_FIELDS, title="Participant fields")


def _tag(source: Any) -> str:
    kind = source.get("kind", "segment") if isinstance(source, dict) else source.kind
    return f"{TAG}{kind}"


Source = Annotated[
    Annotated[SegmentSource, Tag(f"{TAG}segment")]
    | Annotated[QuerySource, Tag(f"{TAG}query")]
    | Annotated[CsvSource, Tag(f"{TAG}csv")]
    | Annotated[EventSource, Tag(f"{TAG}event")],
    Discriminator(_tag),
]
SOURCE_LABELS: dict[str, Any] = {
    "segment": "Segment or list", "query": "Query", "csv": "CSV file", "event": "Event",
}  # fmt: skip


class EntryConfig(Config):
    """Sources are united; nobody has two active runs in the same context."""

    sources: list[Source] = Field(
        default=[],
        max_length=20,
        title="Sources",
        json_schema_extra={"widget": "variants", "labels": SOURCE_LABELS},
    )
    include_existing: bool = Field(
        default=True,
        title="Members already inside",
        description="Also take those who are in a segment, list or query when the program is"
        " published. Otherwise only those who come later.",
    )
    re_enrolment: Literal["never", "every_time", "after_days"] = Field(
        default="never",
        title="Again?",
        description="Somebody whose run has ended, in the same context.",
        json_schema_extra={
            "labels": {
                "never": "Never: once and no more",
                "every_time": "Every time they leave the source and come back",
                "after_days": "After some days, also those who never left",
            }
        },
    )
    re_enrolment_days: int = Field(
        default=90,
        ge=1,
        le=3650,
        title="Days since the last run ended",
        json_schema_extra={"when": {"re_enrolment": ["after_days"]}},
    )
    unique_by: list[Literal["email", "person", "company", "context_id"]] = Field(
        default=[],
        title="At most one run per",
        description="Counts over all runs that entered since this was set, also ended ones. Who"
        " lacks one of the values is not limited.",
        json_schema_extra={
            "widget": "chips",
            "labels": {
                "email": "Email", "person": "Person", "company": "Company",
                "context_id": "Context id",
            },
        },
    )  # fmt: skip
    unique_fields: list[Annotated[str, Field(pattern=FIELD_NAME)]] = Field(
        default=[],
        max_length=10,
        title="… and per participant field",
    )
    unique_period: Literal["ever", "day", "week", "month", "quarter", "year"] = Field(
        default="ever",
        title="… in the same",
        description="Calendar periods of UTC; counts only with a choice above.",
        json_schema_extra={"labels": {"ever": "(no period: for ever)"}},
    )
    same_email_days: int | None = Field(
        default=None,
        ge=1,
        le=3650,
        title="Same email not again within … days",
        description="Counted from the last entry into this program.",
    )
    needs_context_id: bool = Field(
        default=False,
        title="Every participant needs a context id",
        description="Who comes without one is refused.",
    )
    api_fields: list[Annotated[str, Field(pattern=FIELD_NAME)]] = Field(
        default=[],
        max_length=MAX_FIELDS,
        title="Participant fields over the API",
        description="Names of fields that the API brings, so that mails may use them. Those of"
        " files and events are known by themselves.",
    )
    include_churned: bool = Field(
        default=False, title="Include churned", description="Otherwise churned companies stay out."
    )

    @property
    def makes_keys(self) -> bool:
        """Whether runs carry a key that must be unique."""
        return bool(self.unique_by or self.unique_fields)

    def of_kind(self, kind: type[Any]) -> Iterator[Any]:
        """The sources of one kind."""
        return (source for source in self.sources if isinstance(source, kind))


class LeavingConfig(Config):
    """What takes a run out beyond goal and exit rules, and what entering does elsewhere."""

    when_left: bool = Field(
        default=False,
        title="Leaving the source",
        description="Who came from a segment, list, file or query and is in none of them any more"
        " is unenrolled at once.",
    )
    when_churned: bool = Field(
        default=True,
        title="Company churned",
        description="Unenrols at once, unless the entry includes churned companies.",
    )
    unenrol: Literal["none", "all", "chosen"] = Field(
        default="none",
        title="Entering here takes out of",
        description="Once, at the moment of entering; never out of this program.",
        json_schema_extra={
            "labels": {
                "none": "no other program", "all": "all other programs",
                "chosen": "the programs chosen",
            }
        },
    )  # fmt: skip
    unenrol_programs: list[int] = Field(
        default=[],
        max_length=50,
        title="Programs",
        json_schema_extra={
            "widget": "numbers",
            "options": "programs",
            "reference": "program",
            "when": {"unenrol": ["chosen"]},
        },
    )


class ControlConfig(Config):
    """Who is held out to see what the program brings."""

    percent: float = Field(
        default=0,
        ge=0,
        le=90,
        title="Hold out (percent)",
        description="So many enter, never run a step, and are watched for the goal. Chosen at"
        " random, the same ones in every version.",
    )
    days: int = Field(
        default=30,
        ge=1,
        le=730,
        title="Watched for (days)",
        description="Then a held-out run ends. Choose the time that the program takes.",
    )
    operational: bool = Field(
        default=False,
        title="Operational: also for the global hold-out",
        description="For what everybody must get, such as notices about their own account.",
    )

    @model_validator(mode="after")
    def _shares(self) -> Self:
        if round(self.percent, 2) != self.percent:
            raise ValueError("Give at most two decimals")
        return self


def source_items(entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The sources of an entry that may be half done."""
    sources = entry.get("sources")
    items = sources if isinstance(sources, list) else []
    return [_with_numbers(item) for item in items if isinstance(item, dict)]


def _with_numbers(source: dict[str, Any]) -> dict[str, Any]:
    """A source whose ids are numbers; a form may have written them as text."""
    texts = {
        name: int(value)
        for name in ("segment", "list")
        if isinstance(value := source.get(name), str) and value.isdecimal() and len(value) < 19
    }
    return {**source, **texts} if texts else source
