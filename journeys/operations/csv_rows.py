"""Uploaded CSV text to rows: what a column is for, and what is wrong with a row. Pure."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from csplatform.kit.errors import DomainError

MAX_BYTES = 60_000_000
MAX_ROWS = 200_000
MAX_COLUMNS = 60
KEY, NAME, CONTEXT, SKIP, FIELD = "key", "name", "context_id", "skip", "field:"
_KEYS = {
    "person": ("email", "e_mail", "mail", "email_address", "external_id", "user_id", "userid",
               "id"),
    "company": ("external_id", "company_id", "account_id", "id", "domain", "company", "name"),
}  # fmt: skip
_CONTEXTS = ("context_id", "context", "ticket_id", "ticket", "case_id")


@dataclass(frozen=True)
class Row:
    """One row as it will be stored; `error` says why it cannot be used."""

    number: int
    key: str
    name: str = ""
    context_id: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    error: str = ""


def read_text(data: bytes) -> str:
    """The text of a file, as UTF-8 or as Windows writes it. Raises DomainError for no text."""
    if len(data) > MAX_BYTES:
        raise _bad(f"The file is larger than {MAX_BYTES // 1_000_000} MB: divide it.")
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise _bad("This is no text file. Save the table as CSV (comma or semicolon separated).")


def _bad(message: str, path: str = "/file") -> DomainError:
    return DomainError(message, path=path, code="file")


def open_table(text: str) -> tuple[list[str], Iterator[list[str]]]:
    """The header and the rows below it. Raises DomainError for an empty file."""
    first = text[: text.find("\n")] if "\n" in text else text
    delimiter = max(",;\t", key=first.count)
    # no quote is left open to swallow the rest of the file unseen: strict
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [cell.strip()[:100] for cell in next(reader, [])]
    except csv.Error as error:
        raise _bad(f"The first line cannot be read: {error}.") from None
    if not any(header):
        raise _bad("The file is empty: its first line names the columns.")
    if len(header) > MAX_COLUMNS:
        raise _bad(f"The file has more than {MAX_COLUMNS} columns: remove some.")
    return header, reader


def suggested(header: Sequence[str], subject: str) -> dict[str, str]:
    """What each column (by its place, as text) is for, by its name."""
    found: dict[str, str] = {}
    slugs = [slug(name) for name in header]
    key = next((k for k in _KEYS[subject] if k in slugs), slugs[0])
    for place, name in enumerate(slugs):
        use = FIELD + name if name else SKIP
        if name == key and KEY not in found.values():
            use = KEY
        elif name in _CONTEXTS and CONTEXT not in found.values():
            use = CONTEXT
        elif name in ("name", "full_name") and subject == "person":
            use = NAME
        elif use in found.values():
            use = SKIP
        found[str(place)] = use
    return found


def slug(name: str) -> str:
    """A column's name as the name of a field."""
    text = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:40]
    return text if text[:1].isalpha() else f"f_{text}"[:40] if text else ""


def check_columns(columns: dict[str, str], width: int) -> None:
    """Raise DomainError unless one column alone tells who a row is about, and none counts twice."""
    uses = [use for place, use in columns.items() if place.isdigit() and int(place) < width]
    if uses.count(KEY) != 1:
        text = "Say which one column holds the email address or external id."
        raise DomainError(text, path="/columns", code="key")
    for use in uses:
        if use != SKIP and uses.count(use) > 1:
            raise DomainError(
                f"Two columns are for “{use.removeprefix(FIELD)}”: skip one.", path="/columns"
            )
        if use.startswith(FIELD) and slug(use.removeprefix(FIELD)) != use.removeprefix(FIELD):
            raise DomainError(
                "A field's name is lower-case letters, digits and _.", path="/columns"
            )


def rows_of(reader: Iterator[list[str]], columns: dict[str, str], width: int) -> Iterator[Row]:
    """The rows, bad ones with what is wrong; empty lines are passed over.

    Raises DomainError for more than MAX_ROWS, or where the file cannot be read on.
    """
    uses = {int(place): use for place, use in columns.items() if use != SKIP}
    number = 1
    try:
        for cells in reader:
            number += 1
            if number > MAX_ROWS + 1:
                raise _bad(f"The file has more than {MAX_ROWS:,} rows: divide it.")
            if any(cell.strip() for cell in cells):
                yield _row(number, cells, uses, width)
    except csv.Error as error:
        raise _bad(f"Row {number + 1} cannot be read: {error}. Check its quotes.") from None


def _row(number: int, cells: list[str], uses: dict[int, str], width: int) -> Row:
    values: dict[str, Any] = {
        use: cells[place].strip() if place < len(cells) else "" for place, use in uses.items()
    }
    key = values.get(KEY, "")
    fields = {
        use.removeprefix(FIELD): text
        for use, text in values.items()
        if use.startswith(FIELD) and text
    }
    error = ""
    if len(cells) > width:
        error = f"Has {len(cells)} cells, the header {width}: quote cells with separators in them."
    elif not key:
        error = "Has no email address or id."
    elif len(key) > 320 or not key.isprintable():
        error = "Its email address or id is too long, or holds characters that none has."
    elif len(values.get(CONTEXT, "")) > 100:
        error = "Its context id is longer than 100 characters."
    elif any(len(text) > 2_000 for text in fields.values()):
        error = "A cell holds more than 2,000 characters."
    if error:
        return Row(number, key[:320], error=error)
    return Row(number, key, values.get(NAME, "")[:200], values.get(CONTEXT, ""), fields)
