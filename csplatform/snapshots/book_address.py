"""The address of the book: whose companies, filters, order and page. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

WHOSE = {"mine": "My companies", "nobody": "Of nobody", "all": "Everybody’s"}
MAX_PAGE = 1_000_000


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 19 else 0


@dataclass(frozen=True)
class Address:
    """What stands in the query string; what cannot be read is as if it were not there.

    Attributes:
        whose: a key of WHOSE, or the id of a user.
        chosen: value by key of a filter.
        falling: the direction; None is the column's own.
    """

    whose: str = "mine"
    search: str = ""
    chosen: Mapping[str, str] = field(default_factory=dict)
    sort: str = ""
    falling: bool | None = None
    page: int = 1

    @classmethod
    def read(cls, data: Mapping[str, str], filters: Any) -> "Address":
        """From a query string and the registry of filters."""
        whose, sort = data.get("whose", ""), data.get("sort", "")
        return cls(
            whose=whose if whose in WHOSE or _number(whose) else "mine",
            search=data.get("q", "").replace("\x00", "").strip()[:200],
            chosen={f.key: data[f.key] for f in filters if data.get(f.key) in f.choices},
            sort=sort.removeprefix("-")[:60],
            falling=sort.startswith("-") if sort else None,
            page=min(max(_number(data.get("page", "")), 1), MAX_PAGE),
        )

    @property
    def order(self) -> str:
        """The order as the address writes it, "" for the usual one."""
        return f"{'-' if self.falling else ''}{self.sort}" if self.sort else ""

    @property
    def narrowed(self) -> bool:
        """Whether anything but whose they are is chosen."""
        return bool(self.search or self.chosen)

    def query(self, **changes: Any) -> str:
        """The query string with changes, without what is as usual; the page only when named."""
        values = {
            "whose": self.whose if self.whose != "mine" else "", "q": self.search, **self.chosen,
            "sort": self.order,
        } | changes  # fmt: skip
        told = urlencode({name: value for name, value in values.items() if value})
        return f"?{told}" if told else "?"

    def leading(self, chosen: Mapping[str, str]) -> str:
        """The query string of the whole book under these filters alone."""
        return Address(whose=self.whose, chosen=chosen).query()
