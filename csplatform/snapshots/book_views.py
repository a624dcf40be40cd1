"""/work/book/: the page and its file."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from csplatform.accounts.models import User
from csplatform.adminkit.export import plain
from csplatform.adminkit.home import Figure
from csplatform.kit import audit
from csplatform.kit.clock import now
from csplatform.kit.csvfile import csv_lines
from csplatform.kit.csvtext import safe_row
from csplatform.snapshots.book import PAGE, Book, Totals, filters, neighbours
from csplatform.snapshots.book_address import WHOSE, Address
from csplatform.snapshots.views import staff_page

VIEW = "customers.view_company"


def _book(request: HttpRequest) -> Book:
    return Book(Address.read(request.GET.dict(), filters), request.user, now())


@staff_page(VIEW)
@require_GET
def book_page(request: HttpRequest) -> HttpResponse:
    """My companies, or those of somebody else, with what matters about each."""
    book = _book(request)
    totals = book.totals()
    pages = max(1, -(-totals.fitting // PAGE))
    page = min(book.address.page, pages)
    heads = _heads(book)
    context = {
        **admin.site.each_context(request),
        "title": "My book",
        "is_fullwidth": "1",
        "book": book,
        "address": book.address,
        "whose": WHOSE,
        "staff": User.objects.filter(is_active=True, is_staff=True).order_by("username"),
        "filters": [
            (row, [(v, label) for v, (label, _) in row.choices.items()],
             book.address.chosen.get(row.key, ""))
            for row in book.filters
        ],
        "figures": _figures(book, totals),
        "heads": heads,
        "rows": [list(zip(heads, row.cells, strict=True)) for row in book.rows(page)],
        "total": totals.fitting,
        "page": page,
        "pages": pages,
        "before": book.address.query(page=page - 1) if page > 1 else "",
        "after": book.address.query(page=page + 1) if page < pages else "",
        "file": reverse("book-file") + book.address.query(),
        "neighbours": [
            (row.title, row.icon, str(row.link()))
            for row in neighbours
            if not row.permission or request.user.has_perm(row.permission)
        ],
    }  # fmt: skip
    response = render(request, "snapshots/book.html", context)
    # a change of the filters fetches this page again; the address follows, without empty choices
    response["HX-Push-Url"] = reverse("book") + book.address.query().removesuffix("?")
    return response


def _figures(book: Book, totals: Totals) -> list[Figure]:
    return [
        Figure(m.label, value, book.address.leading(m.leads), tone=m.tone if value else "")
        for m, value in totals.measures
    ]


def _heads(book: Book) -> list[dict[str, Any]]:
    """The headings: where a click leads, and how the list is sorted now."""
    heads = []
    for column in book.columns:
        here = column.key == book.sort.key
        falling = not book.falling if here else column.falling
        sort = f"{'-' if falling else ''}{column.key}"
        way = ("descending" if book.falling else "ascending") if here else ""
        heads.append({"column": column, "link": book.address.query(sort=sort), "way": way})
    return heads


@staff_page(VIEW)
@require_GET
def book_file(request: HttpRequest) -> StreamingHttpResponse:
    """The list under its filters and in its order; who took it stands in the audit trail."""
    book = _book(request)
    after = {"list": "book", "filters": request.GET.urlencode()[:1000]}
    audit.record(request.user, "list.export", request.user, after=after)
    return StreamingHttpResponse(
        _lines(book),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="book-{now():%Y-%m-%d}.csv"'},
    )


def _lines(book: Book) -> Iterator[str]:
    shown = [(c.label, c.more_label) for c in book.columns]
    header = ["Record id", *(label for pair in shown for label in pair if label)]
    lines = ([row.company_id, *_cells(book, row.values)] for row in book.rows(page=0))
    return chain(["\ufeff"], csv_lines(header, map(safe_row, lines)))


def _cells(book: Book, values: Any) -> Iterator[Any]:
    for column, (value, more) in zip(book.columns, values, strict=True):
        yield plain(value)
        if column.more_label:
            yield plain(more)
