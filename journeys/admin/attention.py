"""“Needs attention” in the program list: the chip and the filter (PRG-09)."""

from collections.abc import Sequence
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from journeys.models import Program
from journeys.snapshot.attention import Trouble, trouble_url, troubles_of


def attention_chip(troubles: Sequence[Trouble]) -> SafeString | str:
    """A link to the first step that cannot be gone through, "" when all is well."""
    if not troubles:
        return ""
    first = troubles[0]
    more = f" (and {len(troubles) - 1} more)" if len(troubles) > 1 else ""
    return format_html(
        ' <a class="inline-block rounded-default text-xs px-2 py-0.5 ml-1 bg-red-100'
        ' dark:bg-red-500/20" href="{}" title="{}"><span class="font-semibold text-red-700'
        ' dark:text-red-400">Needs attention</span></a>',
        trouble_url(first), f"“{first.step_name}”: {first.message}{more}",
    )  # fmt: skip


class AttentionFilter(SimpleListFilter):
    """Running programs with a step that cannot be gone through."""

    title = "attention"
    parameter_name = "attention"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """One choice beside all."""
        return [("yes", "Needs attention")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Program]) -> QuerySet[Program]:
        """Those that `troubles_of` names."""
        return queryset.filter(pk__in=list(troubles_of())) if self.value() == "yes" else queryset
