"""Which programs use a segment, an attribute or a mail: asked before something is deleted."""

from collections.abc import Collection
from typing import Any

from django.db.models import (
    BooleanField,
    Exists,
    F,
    Field,
    Func,
    JSONField,
    OuterRef,
    QuerySet,
    Value,
)
from django.db.models.functions import Cast
from django.urls import reverse

from csplatform.segments.models import Segment
from csplatform.segments.usage import Use
from journeys.models import Amendment, Program, ProgramVersion
from journeys.models.program import ProgramState
from journeys.steps.options import COMPANY

ENDED = (ProgramState.STOPPED,)  # a completed one may take people in again
# Anywhere in a flow document: as an entry source, or in a rule of a step, goal or exit.
SEGMENT_PATH = '$.** ? (@.segment == $value && (@.kind == "segment" || @.test == "segment"))'
TEMPLATE_PATH = "$.** ? (@.config.template == $value)"
ENDPOINT_PATH = '$.** ? (@.kind == "call_webhook" && @.config.endpoint == $value)'
ATTRIBUTE_PATH = (
    "$.** ? (@.attribute == $value || @.source == $value"
    ' || (@.test == "attribute" && @.name == $value))'
)
USAGE_PATH = '$.** ? (@.test == "usage" && @.part == $value)'
# By type of reference: whether a flow names anything of it.
MEANING_PATHS = {"usage": '$.** ? (@.test == "usage")'}


class JSONPathField(Field):
    """The type of a JSON path; Django has none."""

    def db_type(self, connection: Any) -> str:
        """For the cast of a bound path."""
        return "jsonpath"


def programs_naming(path: str, value: Any) -> QuerySet[Program]:
    """Programs that are not over and whose draft, any published version or amendment has something
    at `path`: people may still travel an older version.

    Args:
        path: JSON path, code-owned; `$value` in it is bound to `value`.
    """

    def named(column: str) -> Func:
        return Func(
            F(column),
            Cast(Value(path), JSONPathField()),
            Value({"value": value}, JSONField()),
            function="jsonb_path_exists",
            output_field=BooleanField(),
        )

    versions = ProgramVersion.objects.filter(program=OuterRef("pk")).filter(named("document"))
    amendments = Amendment.objects.filter(version__program=OuterRef("pk")).filter(named("config"))
    living = Program.objects.exclude(state__in=ENDED)
    naming = living.filter(named("draft") | Exists(versions) | Exists(amendments))
    return naming.order_by("name")


def programs_with(path: str) -> QuerySet[Program]:
    """The same for a path without a value."""
    return programs_naming(path, None).order_by()


def programs_using_segment(segment: Segment) -> list[Use]:
    """Programs that take people from a segment or ask for it in a rule."""
    return [
        Use("Program", program.name, reverse("admin:journeys_program_change", args=[program.pk]))
        for program in programs_naming(SEGMENT_PATH, segment.pk)
    ]


def programs_using_attribute(subject: str, name: str) -> list[str]:
    """Labels of programs whose steps or rules name an attribute (of either subject: a rule of a
    person program may ask for the company's)."""
    found = {program.pk: program for program in programs_naming(ATTRIBUTE_PATH, name)}
    if subject == "company":  # steps of person programs write it as that of "their company"
        found |= {p.pk: p for p in programs_naming(ATTRIBUTE_PATH, f"{COMPANY}{name}")}
    return [f"Program “{program}”" for program in found.values()]


def programs_using_parts(paths: Collection[str]) -> list[str]:
    """Labels of programs whose rules name a part of the usage tree."""
    found = {program: None for path in paths for program in programs_naming(USAGE_PATH, path)}
    return [f"Program “{program}”" for program in found]
