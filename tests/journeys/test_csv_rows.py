"""Uploaded text to rows, and what is wrong with them (PRG-20)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csplatform.kit.csvfile import csv_lines, safe_cell
from csplatform.kit.errors import DomainError
from journeys.operations import csv_rows
from journeys.operations.csv_rows import check_columns, open_table, read_text, rows_of, suggested

TEXT = "Email;Ticket ID;Full name;Plan (new)\nann@x.test;T1;Ann;pro\n;T2;;\nbo@x.test;;Bo;a;b\n\n"


def rows(text, subject="person"):
    header, reader = open_table(text)
    columns = suggested(header, subject)
    check_columns(columns, len(header))
    return list(rows_of(reader, columns, len(header)))


def test_columns_are_known_by_their_names_and_bad_rows_say_why():
    """Separator, context id, name, fields; empty lines are passed over."""
    good, keyless, wide = rows(TEXT)
    assert (good.number, good.key, good.name, good.context_id) == (2, "ann@x.test", "Ann", "T1")
    assert good.fields == {"plan_new": "pro"}
    assert "email address" in keyless.error
    assert "5 cells" in wide.error


def test_what_is_no_table_is_refused_with_what_to_do(monkeypatch):
    """Bad input: binary, empty, an open quote, too many rows."""
    with pytest.raises(DomainError, match="no text file"):
        read_text(b"PK\x03\x04\x00\x00")
    with pytest.raises(DomainError, match="empty"):
        open_table("\n\n")
    with pytest.raises(DomainError, match="quotes"):
        rows('email,x\n"a@x.test,1\n')
    monkeypatch.setattr(csv_rows, "MAX_ROWS", 2)
    with pytest.raises(DomainError, match="divide"):
        rows("email\na@x\nb@x\nc@x\n")
    with pytest.raises(DomainError, match="which one column"):
        check_columns({"0": "skip"}, 1)
    assert read_text("Zoë".encode("cp1252")) == "Zoë"


@given(st.text(max_size=300))
def test_any_text_is_rows_or_a_refusal(text):
    """Whatever somebody uploads: no other error, and every row fits its table."""
    try:
        found = rows("email," + text)
    except DomainError:
        return
    for row in found:
        assert len(row.key) <= 320
        assert len(row.error) <= 200
        assert row.error or (row.key.isprintable() and len(row.context_id) <= 100)


def test_no_cell_of_ours_is_a_formula():
    """A customer's “=cmd()” stays text when a colleague opens the file."""
    assert [safe_cell(v) for v in ("=1+1", "@x", "a=b", 5, None)] == ["'=1+1", "'@x", "a=b", 5, ""]
    lines = "".join(csv_lines(("name",), [("-2",), ("ok",)]))
    assert lines == "name\r\n'-2\r\nok\r\n"
