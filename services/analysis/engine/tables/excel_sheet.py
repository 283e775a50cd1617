"""Worksheets of an Excel workbook as sheets, whatever the workbook's format is."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from ..errors import TableError
from .cells import column_kind
from .columns import checked_header
from .config import ReadingConfig
from .detection import MAX_SAMPLED_RECORDS, dialect_of
from .dialect import Dialect
from .mixed import mixed
from .sheet import SAMPLED_ROWS, Batch, Expected
from .sources import Source
from .understood import LeftOut, Note, Understood
from .workbooks import Row, Workbook, open_workbook

BATCH_ROWS = 1024

MAX_CELL_CHARACTERS = 32_767
"""What Excel allows (support.microsoft.com, "Excel specifications and limits")."""


@dataclass(frozen=True, slots=True)
class ExcelSheet:
    """A worksheet whose layout has been found."""

    source: Source
    title: str
    dialect: Dialect
    header: tuple[str, ...]
    kinds: tuple[str, ...]
    sample: list[list[str]]
    others: tuple[str, ...] = ()
    several: bool = False

    @classmethod
    def open(cls, source: Source, reading: ReadingConfig, wanted: Sequence[str] = ()) -> list[ExcelSheet]:
        """Return the worksheets that the configuration names; or else the first one with the wanted columns,
        or with numbers, and those that go on where it ends. Raises TableError."""
        with open_workbook(source) as book:
            titles = book.titles
            absent = [title for title in reading.sheets if title not in titles]
            if absent:
                raise _absent(source, absent[0], titles)
            found = [
                sheet
                for title in reading.sheets or titles
                if (sheet := cls._sheet(source, book, title, reading, wanted)) is not None
            ]
        if not found:
            raise TableError("the workbook has no cells", file=source.name, code="empty")
        if not reading.sheets:
            found = _continued(found, max(found, key=lambda sheet: _rank(sheet, wanted)))
        taken = {sheet.title for sheet in found}
        others = tuple(title for title in titles if title not in taken)
        several = len(found) > 1
        return [replace(sheet, others=others, several=several) for sheet in found]

    @classmethod
    def _sheet(
        cls,
        source: Source,
        book: Workbook,
        title: str,
        reading: ReadingConfig,
        wanted: Sequence[str],
    ) -> ExcelSheet | None:
        rows: list[tuple[int, Row]] = []
        for line, row in book.rows(title, source.limits.columns + 1):
            filled = _trimmed(row)
            if filled:
                rows.append((line, filled))
            if len(rows) >= MAX_SAMPLED_RECORDS:
                break
        if not rows:
            return None
        width = max(len(row) for _, row in rows)
        if width > source.limits.columns:
            limit = source.limits.columns
            raise TableError(
                f"the sheet has more than {limit:,} columns. Split it up",
                file=source.name,
                code="too_many_columns",
                params={"limit": limit},
            )
        records = [
            (line, [_text(value) for value in (*row, *[None] * (width - len(row)))]) for line, row in rows
        ]
        dialect = dialect_of(records, reading, wanted, source.name)
        names = dialect.header or tuple("" for _ in range(dialect.width))
        header = checked_header(names, source.name, dialect.header_line)
        cells = [row[: dialect.width] for line, row in records if line >= dialect.data_line]
        kinds = tuple(column_kind([row[place] for row in cells]) for place in range(dialect.width))
        return cls(source, title, dialect, header, kinds, cells[:SAMPLED_ROWS])

    @property
    def name(self) -> str:
        """The file's name, and the sheet's if there are several."""
        return f"{self.source.name}/{self.title}" if self.several else self.source.name

    @property
    def header_row(self) -> int | None:
        """The row of the header."""
        return self.dialect.header_line

    @property
    def understood(self) -> Understood:
        """How the file is read."""
        notes: tuple[Note, ...] = ()
        if self.others:
            shown = ", ".join(f"'{title}'" for title in self.others[:5])
            notes = (
                Note(
                    "other_sheets", f"the workbook has further sheets: {shown}", {"sheets": list(self.others)}
                ),
            )
        return Understood(
            form="excel",
            header_line=self.dialect.header_line,
            preamble=self.dialect.preamble,
            units=self.dialect.units,
            archive=self.source.archive,
            sheet=self.title,
            notes=notes,
        )

    def batches(
        self, left_out: list[LeftOut] | None = None, expected: Expected | None = None
    ) -> Iterator[Batch]:
        """Yield all rows."""
        width, first_row = self.dialect.width, 0
        lines: list[int] = []
        rows: list[Row] = []
        with open_workbook(self.source) as book:
            for line, row in book.rows(self.title, width + 1):
                if line < self.dialect.data_line or not _trimmed(row):
                    continue
                if len(row) > width and row[width] is not None:
                    raise TableError(
                        f"the row has more cells than the header, which has {width}",
                        file=self.name,
                        row=line,
                        code="wrong_width",
                        params={"cells": len(row), "columns": width},
                    )
                rows.append(row)
                lines.append(line)
                if len(rows) == BATCH_ROWS:
                    yield self._batch(rows, lines, first_row)
                    first_row += len(rows)
                    rows, lines = [], []
        if rows:
            yield self._batch(rows, lines, first_row)

    def _batch(self, rows: list[Row], lines: list[int], first_row: int) -> Batch:
        width = self.dialect.width
        padded = [(*row, *[None] * (width - len(row)))[:width] for row in rows]
        columns = [_array(values) for values in zip(*padded, strict=True)]
        return Batch(columns, first_row, lines.__getitem__, text=False)


def _continued(sheets: Sequence[ExcelSheet], first: ExcelSheet) -> list[ExcelSheet]:
    """Return the sheets that hold one table: those with the same columns whose rows are not the same ones.

    A month per sheet is one table. A cleaned copy beside the raw data is not: it begins with the same cell.
    """
    taken = [first]
    for sheet in sheets:
        begins = sheet.sample[0][:1] if sheet.sample else []
        if (
            sheet is not first
            and sheet.header == first.header
            and "number" in sheet.kinds
            and all(begins != each.sample[0][:1] for each in taken if each.sample)
        ):
            taken.append(sheet)
    return [sheet for sheet in sheets if sheet in taken]


def _absent(source: Source, title: str, titles: Sequence[str]) -> TableError:
    shown = ", ".join(f"'{each}'" for each in titles[:10])
    return TableError(
        f"the workbook has no visible sheet '{title}'; it has {shown}. Correct sheets in the configuration",
        file=source.name,
        code="sheet_absent",
        params={"sheet": title, "sheets": list(titles)},
    )


def _rank(sheet: ExcelSheet, wanted: Sequence[str]) -> int:
    return 2 * (bool(wanted) and set(wanted) <= set(sheet.header)) + ("number" in sheet.kinds)


def _trimmed(row: Row) -> Row:
    end = len(row)
    while end and (row[end - 1] is None or row[end - 1] == ""):
        end -= 1
    return row[:end]


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    return str(value)


def _array(values: Sequence[Any]) -> pa.Array:
    """Return a column of cells as an array of their type, or as numbers beside text."""
    kinds = {type(value) for value in values if value is not None}
    for value in values:
        if isinstance(value, str) and len(value) > MAX_CELL_CHARACTERS:
            raise ValueError("a cell has more text than Excel allows")
    if kinds <= {bool}:
        return pa.array(values, pa.bool_() if kinds else pa.null())
    if kinds == {int} and all(value is None or abs(value) < 2**53 for value in values):
        return pa.array(values, pa.int64())
    if kinds <= {int, float}:
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    if kinds == {datetime.datetime}:
        return pa.array(values, pa.timestamp("us"))
    if kinds == {str}:
        return pa.array(values, pa.string())
    # TRUE among numbers is a word, as it is in a text file: whether it means 1 is not for us to say.
    typed = [isinstance(value, int | float) and not isinstance(value, bool) for value in values]
    return mixed(
        [float(value) if number else None for value, number in zip(values, typed, strict=True)],
        [
            None if value is None or number else _text(value)
            for value, number in zip(values, typed, strict=True)
        ],
    )
