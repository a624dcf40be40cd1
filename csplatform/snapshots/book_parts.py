"""What the kernel's own rooms bring to the book: companies, when they were seen, what they owe."""

from datetime import date
from typing import Any

from django.urls import reverse

from csplatform.adminkit.templatetags.console import ago
from csplatform.customers.models.company import Stage
from csplatform.snapshots.book import (
    Cell,
    Column,
    Filter,
    Line,
    Measure,
    columns,
    filters,
    measures,
    sources,
)
from csplatform.snapshots.header import SOON_DAYS

_CSM = (
    "(SELECT coalesce(nullif(trim(u.first_name || ' ' || u.last_name), ''), u.username)"
    " FROM accounts_user u WHERE u.id = c.csm_id)"
)


def _renewing(days: int) -> str:
    return f"c.renewal_date BETWEEN %(today)s::date AND %(today)s::date + {days}"


def register() -> None:
    """Sources first: parts name them."""
    sources.register(
        "activity",
        "SELECT company_id, last_seen_at FROM customers_companyactivity WHERE {within}",
    )
    sources.register(
        "invoices",
        "SELECT company_id, count(*) AS late FROM billing_invoice WHERE status = 'open'"
        " AND due_on < %(utc_today)s::date AND {within} GROUP BY company_id",
    )
    for column in (
        Column("name", "Company", 10, "c.name", sort="lower(c.name)", cell=_name),
        Column("csm", "CSM", 15, _CSM, cell=_csm, shared=True),
        Column("stage", "Stage", 20, "c.stage", cell=_stage),
        Column("arr", "ARR", 30, "c.arr", falling=True, figures=True),
        Column("renewal", "Renewal", 50, "c.renewal_date", cell=_renewal),
        Column("seen", "Last seen", 70, "activity.last_seen_at", "activity", cell=_seen,
               falling=True),
        Column("invoices", "Overdue invoices", 80, "coalesce(invoices.late, 0)", "invoices",
               cell=_invoices, falling=True, figures=True, permission="billing.view_invoice"),
    ):  # fmt: skip
        columns.register(column.key, column)
    stages = {value: (label, f"c.stage = '{value}'") for value, label in Stage.choices}
    renewals = {str(d): (f"Renewal in {d} days", _renewing(d)) for d in (30, 60, 90)}
    renewals["past"] = ("Renewal has passed", "c.renewal_date < %(today)s::date")
    for row in (
        Filter("stage", "Any stage", 10, stages),
        Filter("renewal", "Any renewal", 30, renewals),
        Filter("invoices", "Any invoices", 50,
               {"overdue": ("Overdue invoices", "invoices.late > 0")}, "invoices",
               "billing.view_invoice"),
    ):  # fmt: skip
        filters.register(row.key, row)
    for figure in (
        Measure("companies", "Companies", 10, "count(*)"),
        Measure("arr", "ARR", 20, "coalesce(sum(c.arr), 0)"),
        Measure("renewing", "ARR renewing in 90 days", 30,
                f"coalesce(sum(c.arr) FILTER (WHERE {_renewing(90)}), 0)", {"renewal": "90"}),
    ):  # fmt: skip
        measures.register(figure.key, figure)


def _name(value: Any, more: Any, line: Line) -> Cell:
    return Cell(value, reverse("company-snapshot", args=[line.company_id]))


def _csm(value: Any, more: Any, line: Line) -> Cell:
    return Cell(value or "nobody")


def _stage(value: Any, more: Any, line: Line) -> Cell:
    return Cell(dict(Stage.choices).get(value, value))


def _renewal(value: date | None, more: Any, line: Line) -> Cell:
    if value is None:
        return Cell(None)
    days = (value - line.today).days
    note = f"in {days} days" if days >= 0 else f"{-days} days ago"
    tone = "bad" if days < 0 else "warn" if days <= SOON_DAYS else ""
    return Cell(f"{value:%d %b %Y}", note=note, tone=tone)


def _seen(value: Any, more: Any, line: Line) -> Cell:
    return Cell(ago(value))


def _invoices(value: int, more: Any, line: Line) -> Cell:
    if not value:
        return Cell(0)
    page = reverse("admin:billing_invoice_changelist")
    link = f"{page}?company__id__exact={line.company_id}"
    return Cell(value, link, tone="bad")
