"""Every list as a CSV file: what the list shows, with its search, filters and order (CUS-03)."""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from html import unescape
from itertools import islice
from typing import Any

from django.contrib.admin.utils import label_for_field, lookup_field
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.html import strip_tags
from django.utils.text import capfirst

from csplatform.kit import audit
from csplatform.kit.clock import now
from csplatform.kit.csvtext import safe_row

CHUNK = 500
_TIME = re.compile(r'<time datetime="([^"]*)"[^>]*>[^<]*</time>')


@dataclass(frozen=True)
class ExportColumn:
    """One column of the file."""

    heading: str
    value: Callable[[Any], Any]


class _Line:
    """Where csv writes to: gives each line back."""

    def write(self, line: str) -> str:
        """The line."""
        return line


def shown_columns(model_admin: Any, request: HttpRequest) -> list[ExportColumn]:
    """The row's number and what the list shows."""
    own = [ExportColumn("Record id", lambda row: row.pk)]
    for name in model_admin.get_list_display(request):
        label = capfirst(str(label_for_field(name, model_admin.model, model_admin)))
        own.append(ExportColumn(label, _shown(name, model_admin)))
    return own


def _shown(name: Any, model_admin: Any) -> Callable[[Any], Any]:
    def value(row: Any) -> Any:
        field, _, found = lookup_field(name, row, model_admin)
        return dict(getattr(field, "flatchoices", ())).get(found, found) if field else found

    return value


def export_list(model_admin: Any, request: HttpRequest) -> StreamingHttpResponse:
    """The file of a list as it is filtered now; written while it is read.

    Who took it stands in the audit trail. Raises PermissionDenied.
    """
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    rows = model_admin.get_changelist_instance(request).queryset
    columns = model_admin.export_columns(request)
    label = model_admin.opts.label_lower
    after = {"list": label, "filters": request.GET.urlencode()[:1000]}
    audit.record(request.user, "list.export", request.user, after=after)
    name = f"{model_admin.opts.verbose_name_plural}-{now():%Y-%m-%d}".replace(" ", "-")
    return StreamingHttpResponse(
        _lines(model_admin, columns, rows.iterator(chunk_size=CHUNK)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )


def _lines(model_admin: Any, columns: Sequence[ExportColumn], rows: Iterator[Any]) -> Iterator[str]:
    writer = csv.writer(_Line())
    yield "\ufeff" + writer.writerow(column.heading for column in columns)
    while chunk := list(islice(rows, CHUNK)):
        model_admin.complete(chunk)
        for row in chunk:
            cells = safe_row(plain(column.value(row)) for column in columns)
            yield writer.writerow(cells)


def plain(value: Any) -> Any:
    """A cell of a list as text: no markup, times as they are and not how long ago."""
    if value is None or value == "–":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return ", ".join(str(plain(part)) for part in value if part not in (None, ""))
    if isinstance(value, str):
        text = _TIME.sub(r"\1", value.replace("<br>", " – "))
        return re.sub(r"\s+", " ", unescape(strip_tags(text))).strip(" –")
    return value
