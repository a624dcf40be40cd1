"""From an uploaded file to headings and rows of text."""

import csv
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import openpyxl

from csplatform.kit.errors import DomainError

MAX_BYTES = 50_000_000
MAX_UNPACKED = 400_000_000
MAX_ROWS = 500_000
MAX_COLUMNS = 300
MAX_CELL = 20_000
_DELIMITERS = ",;\t|"


@dataclass(frozen=True)
class Sheet:
    """A table as it was uploaded. Rows are as long as the headings; blank rows are left out."""

    columns: list[str]
    rows: Iterator[tuple[int, list[str]]]


def read_file(name: str, content: bytes) -> Sheet:
    """The table in a CSV file or in the first sheet of an Excel workbook (.xlsx).

    Rows come with their number as a spreadsheet counts. Raises DomainError, also while rows are
    read.
    """
    if len(content) > MAX_BYTES:
        raise DomainError(f"The file is larger than {MAX_BYTES // 1_000_000} MB: split it.")
    if not content.strip(b"\x00 \t\r\n"):
        raise DomainError("The file is empty.")
    if content.startswith(b"PK\x03\x04"):
        lines = _workbook(content)
    elif name.lower().endswith((".xls", ".ods", ".numbers")):
        raise DomainError("This format is not read: save it as CSV or as .xlsx.")
    else:
        lines = _csv(content)
    return _sheet(lines)


def _sheet(lines: Iterator[tuple[int, list[str]]]) -> Sheet:
    head = next((cells for _, cells in lines if any(cells)), None)
    if head is None:
        raise DomainError("The file has no headings: its first line names the columns.")
    while head and not head[-1]:
        head.pop()
    if len(head) > MAX_COLUMNS:
        raise DomainError(f"The file has more than {MAX_COLUMNS} columns.")
    columns = [cell[:200] or f"Column {place}" for place, cell in enumerate(head, 1)]
    return Sheet(columns, _rows(lines, len(columns)))


def _rows(lines: Iterator[tuple[int, list[str]]], width: int) -> Iterator[tuple[int, list[str]]]:
    count = 0
    for number, cells in lines:
        if not any(cells):
            continue
        count += 1
        if count > MAX_ROWS:
            raise DomainError(f"The file has more than {MAX_ROWS:,} rows: split it.")
        yield number, [cell[:MAX_CELL] for cell in cells[:width]] + [""] * (width - len(cells))


def _csv(content: bytes) -> Iterator[tuple[int, list[str]]]:
    text = _decoded(content)
    if "\x00" in text[:4096]:
        raise DomainError("This is no text: save the table as CSV (UTF-8) or as .xlsx.")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=False)
    try:
        for cells in reader:
            yield reader.line_num, [cell.strip().replace("\x00", "") for cell in cells]
    except csv.Error as error:
        raise DomainError(f"Line {reader.line_num} cannot be read: {error}.") from None


def _decoded(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")  # what Excel writes where it is old


def _delimiter(text: str) -> str:
    """The one that the first line has most of, outside of quotes."""
    first = next((line for line in text.splitlines()[:50] if line.strip()), "")
    outside = "".join(first.split('"')[::2])
    return max(_DELIMITERS, key=outside.count)


def _workbook(content: bytes) -> Iterator[tuple[int, list[str]]]:
    refusal = "This is no readable Excel workbook: save it anew as .xlsx, or as CSV."
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(info.file_size for info in archive.infolist()) > MAX_UNPACKED:
                raise DomainError("The workbook is too large once unpacked: save it as CSV.")
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        sheet: Any = book.worksheets[0]
        for number, cells in enumerate(sheet.iter_rows(values_only=True), 1):
            yield number, [_cell(cell) for cell in cells]
    except DomainError:
        raise
    except Exception:  # the library raises what it likes over broken files
        raise DomainError(refusal) from None


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        whole = (value.hour, value.minute, value.second, value.microsecond) == (0, 0, 0, 0)
        return value.date().isoformat() if whole else value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 10**15:
        return str(int(value))
    return str(value).strip().replace("\x00", "")
