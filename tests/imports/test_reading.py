"""From files to rows (CUS-03): whatever spreadsheets write, and what is no table."""

import io
import zipfile
from datetime import date, datetime

import openpyxl
import pytest

from csplatform.imports import reading
from csplatform.imports.kind import Target
from csplatform.imports.mapping import (
    Column,
    Options,
    check_mapping,
    day,
    guess,
    moment,
    number,
    read_row,
)
from csplatform.imports.reading import read_file
from csplatform.kit.csvtext import safe_cell
from csplatform.kit.errors import DomainError


def table(content, name="a.csv"):
    """Headings and rows with their numbers."""
    sheet = read_file(name, content if isinstance(content, bytes) else content.encode())
    return sheet.columns, list(sheet.rows)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_the_one_that_the_headings_have(separator):
    """Commas within quotes do not count."""
    text = separator.join(["Email", '"Name, full"', "Plan"]) + "\n"
    text += separator.join(["a@x.com", '"Berg, Ann"', "pro"])
    assert table(text) == (["Email", "Name, full", "Plan"], [(2, ["a@x.com", "Berg, Ann", "pro"])])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_letters_survive(encoding):
    """Also what older spreadsheets write."""
    assert table("Name\nZoë Müller".encode(encoding))[1] == [(2, ["Zoë Müller"])]


def test_blank_and_ragged_lines():
    """Blank ones are left out and counted, short ones filled, long ones cut."""
    columns, rows = table("\n\na,b,\n1\n\n,,\n1,2,3,4\n")
    assert columns == ["a", "b"]
    assert rows == [(4, ["1", ""]), (7, ["1", "2"])]


def test_a_workbook_gives_text_like_a_csv():
    """Days, numbers, yes and no as CSV has them; formulas by their values."""
    book = openpyxl.Workbook()
    book.active.append(["Email", "Since", "At", "Seats", "Ok", None])
    book.active.append(
        ["a@x.com", date(2026, 1, 31), datetime(2026, 1, 31, 14, 5), 12.0, True, None]  # noqa: DTZ001  workbooks know no zones
    )
    out = io.BytesIO()
    book.save(out)
    columns, rows = table(out.getvalue(), "a.xlsx")
    assert columns == ["Email", "Since", "At", "Seats", "Ok"]
    assert rows == [(2, ["a@x.com", "2026-01-31", "2026-01-31T14:05:00", "12", "true"])]


def _bomb():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 2_000_000)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (b"", "a.csv", "empty"),
        (b" \n\n ", "a.csv", "empty"),
        (b"\x00\x01\x02\x00\xff", "a.csv", "no text"),
        (b"PK\x03\x04 nonsense", "a.xlsx", "no readable Excel"),
        (b"\xd0\xcf\x11\xe0", "a.xls", "not read"),
        (b",,,\n", "a.csv", "no headings"),
    ],
)
def test_what_is_no_table_is_told(content, name, words):
    """REL-03."""
    with pytest.raises(DomainError, match=words):
        table(content, name)


def test_a_file_beyond_the_limits_is_refused(monkeypatch):
    """Rows, columns, bytes, and what a small archive unpacks to."""
    monkeypatch.setattr(reading, "MAX_ROWS", 3)
    with pytest.raises(DomainError, match="more than 3 rows"):
        table("a\n1\n2\n3\n4\n")
    monkeypatch.setattr(reading, "MAX_COLUMNS", 2)
    with pytest.raises(DomainError, match="more than 2 columns"):
        table("a,b,c\n1,2,3")
    monkeypatch.setattr(reading, "MAX_UNPACKED", 1_000_000)
    with pytest.raises(DomainError, match="too large once unpacked"):
        table(_bomb(), "a.xlsx")
    monkeypatch.setattr(reading, "MAX_BYTES", 5)
    with pytest.raises(DomainError, match="larger than"):
        table("a,b,c,d")


@pytest.mark.parametrize(
    ("text", "style", "value"),
    [
        ("1,234.50", "point", 1234.5), ("1.234,50", "comma", 1234.5), ("€ 12", "point", 12),
        ("1 234,5", "comma", 1234.5), ("-7", "point", -7), ("12%", "point", 12),
        ("1234567", "comma", 1234567), ("1.5", "comma", None), ("1,5", "point", None),
        ("12.34.56", "point", None), ("abc", "point", None), ("=1+1", "point", None),
    ],
)  # fmt: skip
def test_numbers_as_the_file_writes_them(text, style, value):
    """What could be meant either way is refused, not guessed."""
    if value is None:
        with pytest.raises(ValueError, match="no number"):
            number(text, style)
    else:
        assert number(text, style) == value


@pytest.mark.parametrize(
    ("text", "order", "value"),
    [
        ("2026-01-31", "month_first", "2026-01-31"), ("31/01/2026", "day_first", "2026-01-31"),
        ("01/31/2026", "month_first", "2026-01-31"), ("1.2.26", "day_first", "2026-02-01"),
        ("31/01/2026", "month_first", None), ("2026-02-30", "day_first", None),
        ("soon", "day_first", None),
    ],
)  # fmt: skip
def test_days_as_the_file_writes_them(text, order, value):
    """The order is said by the user."""
    if value is None:
        with pytest.raises(ValueError, match="no day"):
            day(text, order)
    else:
        assert day(text, order) == value


def test_a_day_with_a_time():
    """And without one."""
    assert moment("31/01/2026 14:05", "day_first") == "2026-01-31T14:05:00"
    assert moment("1/31/2026", "month_first") == "2026-01-31"
    with pytest.raises(ValueError, match="no day and time"):
        moment("31/01/2026 25:61", "day_first")


TARGETS = [
    Target("email", "Email", aliases=("e_mail",)),
    Target("arr", "ARR", "number"),
    Target("property", "A property", many=True),
]


def test_headings_tell_and_each_target_is_taken_once():
    """By name, label or alias, however they are written."""
    assert guess(["E-Mail", "email", "ARR", "Notes"], TARGETS) == {"0": "email", "2": "arr"}


@pytest.mark.parametrize(
    ("mapping", "path"),
    [({"0": "email", "1": "email"}, "/mapping/1"), ({"9": "email"}, "/mapping/9"),
     ({"0": "nope"}, "/mapping/0"), ({"x": "email"}, "/mapping/x"), ({"-1": "arr"}, "/mapping/-1")],
)  # fmt: skip
def test_a_bad_mapping_is_told_at_its_column(mapping, path):
    """REL-03."""
    with pytest.raises(DomainError) as error:
        check_mapping(mapping, ["a", "b"], TARGETS)
    assert [problem.path for problem in error.value.problems] == [path]


def test_cells_become_values():
    """Numbers by type, properties guessed, empty cells as the option says."""
    columns = [
        Column(0, "E", TARGETS[0]), Column(1, "A", TARGETS[1]),
        Column(2, "format", TARGETS[2]), Column(3, "pages", TARGETS[2]),
    ]  # fmt: skip
    cells = ["a@x.com", "1,000", "pdf", "12"]
    found = read_row(cells, columns, Options(), 0)
    properties = {"format": "pdf", "pages": 12}
    assert found == {"email": "a@x.com", "arr": 1000, "property": properties}
    assert read_row(["", "", "", ""], columns, Options(), 0) == {}
    assert read_row(["", "", "", ""], columns, Options(empty="clear"), 0) == {
        "email": None, "arr": None,
    }  # fmt: skip
    with pytest.raises(DomainError) as error:
        read_row(["a", "many", "", ""], columns, Options(), 7)
    assert error.value.problems[0].path == "/7/arr"


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-cmd", "@x", "\tx"])
def test_no_cell_is_a_formula(text):
    """SEC-02: what spreadsheets would run is text; numbers stay numbers."""
    assert safe_cell(text) == f"'{text}"
    assert safe_cell("-12.5") == "-12.5"
    assert safe_cell(None) == ""
