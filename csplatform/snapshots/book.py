"""My book: the parts it is put together from, and the two statements that read it.

Rooms above register sources (a set of rows, one per company), columns, filters and measures. The
first statement counts and adds up, the second fetches a page; both see only the sources that they
need, and the page's columns are worked out for its own companies alone.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from csplatform.adminkit.navigation import Entry
from csplatform.kit import sql
from csplatform.kit.clock import today_of
from csplatform.kit.registry import Registry
from csplatform.snapshots.book_address import WHOSE, Address

PAGE = 50
# Bound in every statement: today (the user's day), utc_today, now.
_LIVING = "c.merged_into_id IS NULL AND c.status = 'active'"


@dataclass(frozen=True)
class Cell:
    """What a line shows in a column. `tone`: "", "good", "warn" or "bad", never the only sign."""

    text: Any
    link: str = ""
    note: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Line:
    """The line that a cell is drawn for."""

    company_id: int
    today: date


def plain_cell(value: Any, more: Any, line: Line) -> Cell:
    """The value as it is."""
    return Cell(value)


@dataclass(frozen=True)
class Column:
    """A column, sortable.

    Attributes:
        value: SQL over the company `c` and the source under its key.
        sort: SQL to sort by where it is not the value.
        more: a second SQL expression for the cell; the file shows it under `more_label`.
        cell: (value, more, line) -> what is drawn.
        falling: whether the first click sorts downwards.
        figures: aligned to the right.
        shared: shown only in lists of more than one person's companies.
        permission: code that a user needs to see it.
    """

    key: str
    label: str
    order: int
    value: str
    source: str = ""
    sort: str = ""
    more: str = "NULL"
    more_label: str = ""
    cell: Callable[[Any, Any, Line], Cell] = plain_cell
    falling: bool = False
    figures: bool = False
    shared: bool = False
    permission: str = ""


@dataclass(frozen=True)
class Filter:
    """A choice of the toolbar. `choices`: value -> (label, SQL condition)."""

    key: str
    label: str
    order: int
    choices: Mapping[str, tuple[str, str]]
    source: str = ""
    permission: str = ""


@dataclass(frozen=True)
class Measure:
    """A figure above the list: an SQL aggregate over all companies of the book.

    Attributes:
        leads: the filters under which the list shows what is behind it.
    """

    key: str
    label: str
    order: int
    total: str
    leads: Mapping[str, str] = field(default_factory=dict)
    source: str = ""
    tone: str = ""
    permission: str = ""


# SELECT with `company_id`, one row per company; `{within}` stands for a condition on company_id.
sources: Registry[str] = Registry(
    "book source", lambda text: "" if "{within}" in text else "has no {within}"
)


def _known(part: Column | Filter | Measure) -> str:
    fit = not part.source or part.source in sources
    return "" if fit else f"unknown source {part.source!r}"


columns: Registry[Column] = Registry("book column", _known)
filters: Registry[Filter] = Registry("book filter", _known)
measures: Registry[Measure] = Registry("book measure", _known)
# Pages of rooms above that the book leads back to.
neighbours: Registry[Entry] = Registry("book neighbour")


@dataclass(frozen=True)
class Row:
    """A company of the page. `values` are (value, more) by column."""

    line: Line
    columns: Sequence[Column]
    values: Sequence[tuple[Any, Any]]

    @property
    def company_id(self) -> int:
        """The company."""
        return self.line.company_id

    @property
    def cells(self) -> list[Cell]:
        """Drawn when asked for: a file of all companies needs the values alone."""
        pairs = zip(self.columns, self.values, strict=True)
        return [column.cell(value, more, self.line) for column, (value, more) in pairs]


@dataclass(frozen=True)
class Totals:
    """How many companies fit the filters, and the measures of the whole book."""

    fitting: int
    measures: Sequence[tuple[Measure, Any]]


class Book:
    """The book as one user sees it under one address."""

    def __init__(self, address: Address, user: Any, now: datetime) -> None:
        many = address.whose in WHOSE and address.whose != "mine"
        self.address = address
        self.today = today_of(user, now)
        self.columns = [c for c in _for(user, columns) if many or not c.shared]
        self.filters = _for(user, filters)
        self.measures = _for(user, measures)
        self._params: dict[str, Any] = {
            "now": now, "today": self.today, "utc_today": now.astimezone(UTC).date(),
        }  # fmt: skip
        self._base = f"{_LIVING} AND {self._whose(user)}"
        # Sources are worked out for the companies of the book alone: a CSM has some hundred.
        own = f"company_id IN (SELECT c.id FROM customers_company c WHERE {self._base})"
        self._within = "true" if address.whose == "all" else own
        self._fitting, self._filtered = self._conditions()
        self.sort = next((c for c in self.columns if c.key == address.sort), self.columns[0])
        self.falling = address.falling if address.falling is not None else self.sort.falling

    def totals(self) -> Totals:
        """One statement."""
        asked = ", ".join(["NULL", *(measure.total for measure in self.measures)])
        needed = {*self._filtered, *(measure.source for measure in self.measures)}
        (row,) = sql.rows(
            f"SELECT count(*) FILTER (WHERE {self._fitting}), {asked}"
            f" FROM customers_company c{_joins(needed, self._within)} WHERE {self._base}",
            self._params,
        )
        return Totals(row[0], list(zip(self.measures, row[2:], strict=True)))

    def rows(self, page: int = 1) -> list[Row]:
        """A page from 1; 0 is all. One statement. The order is total: nothing is shown twice."""
        way = "DESC" if self.falling else "ASC"
        order = (
            f" ORDER BY {self.sort.sort or self.sort.value} {way} NULLS LAST, lower(c.name), c.id"
        )
        limit = f" LIMIT {PAGE} OFFSET {PAGE * (page - 1)}" if page else ""
        within = "company_id IN (SELECT id FROM page)" if page else self._within
        asked = "".join(f", {c.value}, {c.more}" for c in self.columns)
        found = sql.rows(
            "WITH page AS MATERIALIZED (SELECT c.id FROM customers_company c"
            f"{_joins({*self._filtered, self.sort.source}, self._within)}"
            f" WHERE {self._base} AND {self._fitting}{order}{limit})"
            f" SELECT c.id{asked} FROM page JOIN customers_company c ON c.id = page.id"
            f"{_joins({c.source for c in self.columns}, within)}{order}",
            self._params,
        )
        return [
            Row(Line(pk, self.today), self.columns,
                list(zip(flat[::2], flat[1::2], strict=True)))
            for pk, *flat in found
        ]  # fmt: skip

    def _whose(self, user: Any) -> str:
        if self.address.whose == "all":
            return "true"
        if self.address.whose == "nobody":
            left = "SELECT id FROM accounts_user WHERE NOT is_active"
            return f"(c.csm_id IS NULL OR c.csm_id IN ({left}))"
        mine = self.address.whose == "mine"
        self._params["csm"] = user.pk if mine else int(self.address.whose)
        return "c.csm_id = %(csm)s"

    def _conditions(self) -> tuple[str, set[str]]:
        """The filters as SQL, and the sources that it needs. Unknown values count for nothing."""
        found, needed = ["true"], set()
        for row in self.filters:
            choice = row.choices.get(self.address.chosen.get(row.key, ""))
            if choice:
                found.append(f"({choice[1]})")
                needed.add(row.source)
        if self.address.search:
            prefix = self.address.search.lower()
            for sign in ("\\", "%", "_"):
                prefix = prefix.replace(sign, "\\" + sign)
            self._params["prefix"] = f"{prefix}%"
            found.append("lower(c.name) LIKE %(prefix)s")
        return " AND ".join(found), needed


def _for(user: Any, registry: Iterable[Any]) -> list[Any]:
    """The parts that a user may see, in order."""
    seen = [p for p in registry if not p.permission or user.has_perm(p.permission)]
    return sorted(seen, key=lambda p: (p.order, p.key))


def _joins(keys: Iterable[str], within: str) -> str:
    return "".join(
        f" LEFT JOIN ({sources.get(key).format(within=within)}) {key} ON {key}.company_id = c.id"
        for key in sorted(keys)
        if key
    )
