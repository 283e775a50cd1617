"""Rows as CSV: what a program and a spreadsheet read from them."""

import csv
import io
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from shared.http.cells import FORMULA_STARTS, TEXT_MARK, columns_of, rows_text


class Place(BaseModel):
    hall: str
    row: int | None = None


class Gauge(BaseModel):
    id: UUID
    kind: str = Field(serialization_alias="type")
    place: Place | None
    either: Place | str = "here"
    tags: list[str] = []
    metadata: dict[str, Any] = {}
    parent: "Gauge | None" = None
    seen_at: datetime | None = None


def read(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline="")))


def only(value: Any) -> str:
    [[text]] = read(rows_text([[value]]))
    return text


def test_columns_follow_from_the_model_alone() -> None:
    names = [column.name for column in columns_of(Gauge)]
    plain = ["id", "type", "place.hall", "place.row", "either", "tags", "metadata"]
    assert names[: len(plain)] == plain
    assert "parent.place.hall" in names
    assert names[-1] == "seen_at"
    # A gauge within a gauge has an end.
    assert max(name.count("parent") for name in names) == 5


def test_a_row_has_a_cell_for_each_column() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    gauge = Gauge(id=UUID(int=7), kind="=x", place=None, tags=["a", "b"], metadata={"kw": 7.5}, seen_at=at)
    row = gauge.model_dump(mode="json", by_alias=True)
    cells = {column.name: column.of(row) for column in columns_of(Gauge)}
    assert cells["place.hall"] is None
    assert cells["parent.place.hall"] is None
    shown = dict(zip(cells, read(rows_text([list(cells.values())]))[0], strict=True))
    assert shown["type"] == "'=x"
    assert shown["tags"] == '["a","b"]'
    assert shown["metadata"] == '{"kw":7.5}'
    assert shown["seen_at"] == "2026-01-02T03:04:05Z"
    assert shown["place.hall"] == ""


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (True, "true"),
        (-1.5, "-1.5"),
        (1e-7, "1e-07"),
        (float("nan"), ""),
        ("-1.5", "-1.5"),
        ("+49", "+49"),
        ("=1+1", "'=1+1"),
        ("-1+1", "'-1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t'=1"),
        (" =cmd|' /C calc'!A0", "' =cmd|' /C calc'!A0"),
        ("\u00a0@SUM(A1)", "'\u00a0@SUM(A1)"),
        (" -1.5", " -1.5"),
        ("Pump;=1+1", "Pump;'=1+1"),
        ("Pump\t @x", "Pump\t' @x"),
        (["x;=1"], '["x\\u003b=1"]'),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("a=1", "a=1"),
        ('say "hi", twice\r\n', 'say "hi", twice\r\n'),
        ("Größe", "Größe"),
        (["=1"], '["=1"]'),
    ],
)
def test_a_value_is_shown(value: Any, shown: str) -> None:
    assert only(value) == shown


def test_lines_end_as_rfc_4180_says() -> None:
    assert rows_text([["a", 'b"c'], ["d\ne", ""]]) == b'a,"b""c"\r\n"d\ne",\r\n'


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=4))
def test_any_text_is_read_as_written_and_none_is_a_formula(texts: list[str]) -> None:
    [cells] = read(rows_text([texts]))
    for text, shown in zip(texts, cells, strict=True):
        assert shown in (text, TEXT_MARK + text)
        if shown.startswith(FORMULA_STARTS):
            float(shown)
