"""Worksheets of an Excel workbook (.xlsx), read row by row by openpyxl, which uses defusedxml."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import openpyxl

from ..errors import TableError
from .limits import MIB
from .sources import Source
from .unpacking import check_ratio, too_large
from .workbooks import Row

MAX_STRINGS_BYTES, MAX_PARTS_BYTES = 128 * MIB, 32 * MIB
"""The shared strings and each other part of a workbook but its sheets are held in memory."""

MAX_EMPTY_ROWS = 10_000
"""After so many rows without a cell, nothing follows but formats."""

PROLOGUE_BYTES = 65_536

DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)
"""What openpyxl raises for workbooks that are damaged; XML's ParseError is a SyntaxError."""


class XlsxBook:
    """A workbook that is open."""

    def __init__(self, source: Source, book: Any) -> None:
        self._source, self._book = source, book

    @property
    def titles(self) -> list[str]:
        """The names of the visible worksheets, in order."""
        return [sheet.title for sheet in self._book.worksheets if sheet.sheet_state == "visible"]

    def rows(self, title: str, width: int) -> Iterator[tuple[int, Row]]:
        """Yield the rows of a sheet that have a cell, with their numbers."""
        return _rows(self._book[title], self._source, width)


@contextmanager
def open_xlsx(source: Source) -> Iterator[XlsxBook]:
    """Open a workbook. Raises TableError."""
    with source.open_seekable() as stream:
        try:
            _check_parts(source, stream)
            stream.seek(0)
            book = openpyxl.load_workbook(stream, read_only=True, data_only=True, keep_links=False)
        except DAMAGE as error:
            raise _damaged(source, error) from error
        try:
            yield XlsxBook(source, book)
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
