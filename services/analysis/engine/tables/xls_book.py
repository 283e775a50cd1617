"""Worksheets of an Excel workbook in the format of 1997 (.xls), read by xlrd."""

from __future__ import annotations

import datetime
import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import xlrd
from xlrd.biffh import XLRDError
from xlrd.compdoc import CompDocError

from ..errors import TableError
from .limits import MIB, size_words
from .sources import Source
from .workbooks import Row

MAX_BYTES = 64 * MIB
"""A sheet is held in memory: at 6 bytes per cell in the file, these are 11 million cells."""

ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
"""The stream of a workbook (.xlsx) with a password, which has the container of an .xls."""

EXACT = 2**53

DAMAGE = (
    XLRDError,
    CompDocError,
    struct.error,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What xlrd raises for workbooks that are damaged."""


class XlsBook:
    """A workbook that is open."""

    def __init__(self, source: Source, book: Any) -> None:
        self._source, self._book = source, book

    @property
    def titles(self) -> list[str]:
        """The names of the visible worksheets, in order."""
        names = self._book.sheet_names()
        return [name for name, hidden in zip(names, self._book._sheet_visibility, strict=True) if not hidden]

    def rows(self, title: str, width: int) -> Iterator[tuple[int, Row]]:
        """Yield the rows of a sheet that have a cell, with their numbers."""
        try:
            sheet = self._book.sheet_by_name(title)
            for row in range(sheet.nrows):
                cells = sheet.row(row)[:width]
                values = [self._value(cell) for cell in cells]
                if any(value is not None for value in values):
                    yield row + 1, values
        except DAMAGE as error:
            raise _damaged(self._source, error) from error
        finally:
            self._book.unload_sheet(title)

    def _value(self, cell: Any) -> Any:
        """Return a cell's value as openpyxl would."""
        value = cell.value
        match cell.ctype:
            case xlrd.XL_CELL_TEXT:
                return value
            case xlrd.XL_CELL_NUMBER:
                return int(value) if value == int(value) and abs(value) < EXACT else value
            case xlrd.XL_CELL_DATE:
                return self._date(value)
            case xlrd.XL_CELL_BOOLEAN:
                return bool(value)
            case xlrd.XL_CELL_ERROR:
                return xlrd.error_text_from_code.get(value, "#ERROR")
        return None

    def _date(self, serial: float) -> datetime.datetime | datetime.time:
        """Return the moment of a serial number of days, or the time of day of one below 1."""
        millis = round(serial * 86_400_000)
        if 0 <= millis < 86_400_000:
            return (datetime.datetime(2000, 1, 1) + datetime.timedelta(milliseconds=millis)).time()
        if self._book.datemode:
            epoch = datetime.datetime(1904, 1, 1)
        else:  # Excel's year 1900 has a 29th of February (serial 60)
            epoch = datetime.datetime(1899, 12, 30 if serial >= 60 else 31)
        return epoch + datetime.timedelta(milliseconds=millis)


@contextmanager
def open_xls(source: Source) -> Iterator[XlsBook]:
    """Open a workbook. Raises TableError."""
    with source.open() as stream:
        content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise TableError(
            f"an .xls file may have at most {size_words(MAX_BYTES)}. Save it as .xlsx or CSV",
            file=source.name,
            code="expands_too_far",
            params={"limit": MAX_BYTES},
        )
    if ENCRYPTED in content:
        raise TableError("the workbook has a password. Save it without", file=source.name, code="encrypted")
    try:
        book = xlrd.open_workbook(
            file_contents=content, logfile=io.StringIO(), on_demand=True, ragged_rows=True
        )
    except DAMAGE as error:
        raise _damaged(source, error) from error
    try:
        yield XlsBook(source, book)
    finally:
        book.release_resources()


def _damaged(source: Source, error: Exception) -> Exception:
    if isinstance(error, TableError):
        return error
    said = str(error)[:200] or type(error).__name__
    if "encrypted" in said:
        return TableError("the workbook has a password. Save it without", file=source.name, code="encrypted")
    if "Can't find workbook" in said:
        return TableError(
            "the file is a document of Office, but not an Excel workbook. Save the table as .xlsx or CSV",
            file=source.name,
            code="foreign_form",
        )
    return TableError(
        f"the Excel file is damaged ({said}). Save it again as .xlsx", file=source.name, code="damaged_file"
    )
