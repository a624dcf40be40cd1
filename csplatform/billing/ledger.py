"""The columns of subscriptions and invoices: types, limits, and how rules name them."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from csplatform.billing.models import (
    Interval,
    Invoice,
    InvoiceStatus,
    Subscription,
    SubscriptionStatus,
)
from csplatform.customers.attributes import Spec, cast
from csplatform.kit.errors import DomainError

MONEY_LIMIT = 10**12
COUNT_LIMIT = 2**31 - 1
FIRST_DAY = "1900-01-01"


@dataclass(frozen=True)
class Column:
    """A column that people state.

    Attributes:
        spec: its name, label and type.
        sql: its type in the database.
        unset: what is stored for an unset value; `required` ones refuse it.
        limit: most characters of a text; the largest whole number.
    """

    spec: Spec
    sql: str
    unset: Any = None
    required: bool = False
    limit: int = 0


def _column(name: str, label: str, type_: str, sql: str, **more: Any) -> Column:
    choices = tuple(more.pop("choices", ()))
    return Column(Spec(name, label, type_, column=name, choices=choices), sql, **more)


@dataclass(frozen=True)
class Ledger:
    """One of the two tables.

    Attributes:
        key: its name in history, audit and fact keys (with an s).
        columns: what people state, besides the company.
    """

    key: str
    model: Any
    columns: dict[str, Column]

    @property
    def table(self) -> str:
        """The table's name."""
        return str(self.model._meta.db_table)

    @property
    def fact(self) -> str:
        """The fact key that a change touches."""
        return f"{self.key}s"

    @property
    def record(self) -> str:
        """The columns as a definition list for jsonb_to_recordset."""
        return ", ".join(f"{name} {column.sql}" for name, column in self.columns.items())


def _ledger(key: str, model: Any, *columns: Column) -> Ledger:
    return Ledger(key, model, {column.spec.name: column for column in columns})


SUBSCRIPTIONS = _ledger(
    "subscription",
    Subscription,
    _column("external_id", "External id", "text", "text", limit=200),
    _column("plan", "Plan", "text", "text", unset="", limit=100),
    _column("status", "Status", "choice", "text", unset="active", required=True,
            choices=SubscriptionStatus.choices),
    _column("mrr", "MRR", "number", "numeric"),
    _column("seats", "Seats", "number", "int"),
    _column("starts_on", "Starts on", "date", "date"),
    _column("ends_on", "Ends on", "date", "date"),
    _column("notice_days", "Notice period in days", "number", "int", limit=3650),
    _column("billing_interval", "Billed", "choice", "text", unset="", choices=Interval.choices),
    _column("next_billing_on", "Next billing on", "date", "date"),
)  # fmt: skip
INVOICES = _ledger(
    "invoice",
    Invoice,
    _column("external_id", "External id", "text", "text", limit=200),
    _column("number", "Number", "text", "text", unset="", limit=100),
    _column("amount", "Amount", "number", "numeric", required=True),
    _column("currency", "Currency", "text", "text", unset="EUR", required=True, limit=3),
    _column("issued_on", "Issued on", "date", "date"),
    _column("due_on", "Due on", "date", "date"),
    _column("paid_on", "Paid on", "date", "date"),
    _column("status", "Status", "choice", "text", unset="open", required=True,
            choices=InvoiceStatus.choices),
    _column("subscription_id", "Subscription", "number", "bigint"),
)  # fmt: skip


def fit(column: Column, value: Any, path: str) -> Any:
    """The value as stored, None for unset. Raises DomainError for what no row could hold."""
    spec = column.spec
    result = cast(spec, value.strip() if isinstance(value, str) else value, path=path)
    if result is None:
        if column.required:
            raise DomainError(f"“{spec.label}” may not be empty.", path=path, code="missing")
        return None
    if isinstance(result, str) and column.limit and len(result) > column.limit:
        text = f"“{spec.label}” takes at most {column.limit} characters."
        raise DomainError(text, path=path, code="too_long")
    if spec.type == "date" and result < FIRST_DAY:
        text = f"“{spec.label}” takes a day from {FIRST_DAY} on."
        raise DomainError(text, path=path, code="range")
    most = column.limit or (COUNT_LIMIT if column.sql == "int" else 2**62)
    if column.sql in ("int", "bigint") and not (isinstance(result, int) and 0 <= result <= most):
        text = f"“{spec.label}” takes a whole number from 0 to {most:,}."
        raise DomainError(text, path=path, code="range")
    if column.sql == "numeric":
        result = float(round(Decimal(str(result)), 2))
        result = int(result) if result.is_integer() else result
        if abs(result) >= MONEY_LIMIT:
            raise DomainError(f"“{spec.label}” is too large.", path=path, code="too_large")
    if spec.name == "currency":
        result = result.upper()
        if len(result) != 3 or not result.isascii() or not result.isalpha():
            raise DomainError("Give a currency like EUR or USD.", path=path, code="currency")
    return result


def row_problem(row: dict[str, Any]) -> tuple[str, str]:
    """What is wrong with a whole row: (name of the field, message); "" for nothing."""
    starts, ends = row.get("starts_on"), row.get("ends_on")
    if starts and ends and ends < starts:
        return "ends_on", "It ends before it starts."
    if row.get("paid_on") and row.get("status") != InvoiceStatus.PAID:
        return "paid_on", "Only a paid invoice has a day of payment; set its status to paid."
    return "", ""
