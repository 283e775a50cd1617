"""A worksheet of an Excel workbook (.xlsx) as a sheet, read row by row by openpyxl, which uses defusedxml."""

from __future__ import annotations

import datetime
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Self

import openpyxl
import pyarrow as pa

from ..errors import TableError
from .cells import column_kind
from .columns import checked_header
from .config import ReadingConfig
from .detection import MAX_SAMPLED_RECORDS, dialect_of
from .dialect import Dialect
from .limits import MIB
from .mixed import mixed
from .sheet import SAMPLED_ROWS, Batch, Expected
from .sources import Source
from .understood import LeftOut, Note, Understood
from .unpacking import check_ratio, too_large

BATCH_ROWS = 1024

MAX_STRINGS_BYTES, MAX_PARTS_BYTES = 128 * MIB, 32 * MIB
"""The shared strings and each other part of a workbook but its sheets are held in memory."""

MAX_EMPTY_ROWS = 10_000
"""After so many rows without a cell, nothing follows but formats."""

MAX_CELL_CHARACTERS = 32_767
"""What Excel allows (support.microsoft.com, "Excel specifications and limits")."""

PROLOGUE_BYTES = 65_536

DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)
"""What openpyxl raises for workbooks that are damaged; XML's ParseError is a SyntaxError."""

Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class ExcelSheet:
    """A worksheet whose layout has been found."""

    source: Source
    title: str
    dialect: Dialect
    header: tuple[str, ...]
    kinds: tuple[str, ...]
    sample: list[list[str]]
    others: tuple[str, ...]

    @classmethod
    def open(cls, source: Source, reading: ReadingConfig, wanted: Sequence[str] = ()) -> Self:
        """Choose the first worksheet with the wanted columns, or else with numbers. Raises TableError."""
        best: ExcelSheet | None = None
        with _workbook(source) as book:
            titles = [sheet.title for sheet in book.worksheets if sheet.sheet_state == "visible"]
            for title in titles:
                found = cls._sheet(source, book, title, titles, reading, wanted)
                if found is not None and (best is None or _rank(found, wanted) > _rank(best, wanted)):
                    best = found
        if best is None:
            raise TableError("the workbook has no cells", file=source.name, code="empty")
        return best  # type: ignore[return-value]  # Self of a final class

    @classmethod
    def _sheet(
        cls,
        source: Source,
        book: Any,
        title: str,
        titles: list[str],
        reading: ReadingConfig,
        wanted: Sequence[str],
    ) -> ExcelSheet | None:
        rows: list[tuple[int, Row]] = []
        for line, row in _rows(book[title], source, source.limits.columns + 1):
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
        others = tuple(other for other in titles if other != title)
        return cls(source, title, dialect, header, kinds, cells[:SAMPLED_ROWS], others)

    @property
    def name(self) -> str:
        """The file's name."""
        return self.source.name

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
        with _workbook(self.source) as book:
            for line, row in _rows(book[self.title], self.source, width + 1):
                if line < self.dialect.data_line or not _trimmed(row):
                    continue
                if len(row) > width and row[width] is not None:
                    raise TableError(
                        f"the row has more cells than the header, which has {width}",
                        file=self.name,
                        row=line,
                        code="wrong_width",
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


def _rank(sheet: ExcelSheet, wanted: Sequence[str]) -> int:
    return 2 * (bool(wanted) and set(wanted) <= set(sheet.header)) + ("number" in sheet.kinds)


@contextmanager
def _workbook(source: Source) -> Iterator[Any]:
    with source.open_seekable() as stream:
        try:
            _check_parts(source, stream)
            stream.seek(0)
            book = openpyxl.load_workbook(stream, read_only=True, data_only=True, keep_links=False)
        except DAMAGE as error:
            raise _damaged(source, error) from error
        try:
            yield book
        finally:
            book.close()


def _check_parts(source: Source, stream: BinaryIO) -> None:
    """Refuse a workbook that expands too far, or whose XML declares entities."""
    limits = source.limits
    with zipfile.ZipFile(stream) as archive:
        infos = archive.infolist()
        total = sum(info.file_size for info in infos)
        if total > limits.expanded_bytes:
            raise too_large(source.name, limits)
        check_ratio(total, sum(info.compress_size for info in infos), source.name, limits)
        source.meter.add(total, source.name, limits)
        for info in infos:
            if not info.filename.endswith((".xml", ".rels")):
                continue
            sheet = info.filename.startswith("xl/worksheets/")
            limit = MAX_STRINGS_BYTES if "sharedStrings" in info.filename else MAX_PARTS_BYTES
            if not sheet and info.file_size > limit:
                raise too_large(source.name, limits)
            with archive.open(info) as part:
                start = part.read(PROLOGUE_BYTES)
            root = re.search(rb"<[A-Za-z_]", start)
            if b"<!" in start[: root.start() if root else len(start)].replace(b"<!--", b"") or not root:
                raise TableError(
                    f"'{info.filename}' in the workbook declares what no workbook needs. Save it again with"
                    " Excel",
                    file=source.name,
                    code="damaged_file",
                )


def _rows(sheet: Any, source: Source, width: int) -> Iterator[tuple[int, Row]]:
    """Yield the rows that have a cell, with their numbers."""
    sheet.reset_dimensions()
    empty = count = 0
    blank: Row = ()  # openpyxl puts one and the same row into gaps
    try:
        for row in sheet.iter_rows(max_col=width, values_only=True):
            count += 1
            if count > source.limits.rows:
                raise TableError(
                    f"the sheet has more than {source.limits.rows:,} rows. Split it up",
                    file=source.name,
                    code="too_many_rows",
                    params={"limit": source.limits.rows},
                )
            if row is blank or all(value is None for value in row):
                empty, blank = empty + 1, row
                if empty > MAX_EMPTY_ROWS:
                    return
                continue
            empty = 0
            yield count, row
    except DAMAGE as error:
        raise _damaged(source, error) from error


def _damaged(source: Source, error: Exception) -> Exception:
    if isinstance(error, TableError):
        return error
    return TableError(
        f"the Excel file is damaged ({str(error)[:200] or type(error).__name__}). Save it again",
        file=source.name,
        code="damaged_file",
    )


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
    return mixed(
        [float(value) if isinstance(value, int | float) else None for value in values],
        [None if value is None or isinstance(value, int | float) else _text(value) for value in values],
    )
