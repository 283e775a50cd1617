"""Opens the tables of a file: one, or those within an archive."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import BinaryIO

from ..errors import TableError
from .config import ReadingConfig
from .csv_sheet import CsvSheet
from .excel_sheet import ExcelSheet
from .limits import Limits
from .parquet_sheet import ParquetSheet
from .sheet import Sheet
from .sources import OLE, PARQUET, ZIP, Source, expanded
from .understood import LeftOut
from .unpacking import Meter


def open_sheets(
    origin: str | os.PathLike[str] | BinaryIO,
    name: str,
    reading: ReadingConfig | None = None,
    limits: Limits | None = None,
    *,
    wanted: Sequence[str] = (),
    meter: Meter | None = None,
    left_out: list[LeftOut] | None = None,
) -> list[Sheet]:
    """Return the tables of a file. A row that holds all `wanted` names is a header. Raises TableError.

    Of an archive with several files, those that are no tables (a read-me, a picture) are added to `left_out`.
    """
    reading = reading or ReadingConfig()
    sources = expanded(Source(origin, name, limits or Limits(), meter or Meter()))
    sheets: list[Sheet] = []
    refusal: TableError | None = None
    for source in sources:
        try:
            found = _open(source, reading, wanted)
            if len(sources) > 1 and not any("number" in sheet.kinds for sheet in found):
                raise TableError("the file has no column of numbers", file=source.name, code="no_numbers")
        except TableError as error:
            if len(sources) == 1 or error.code not in ("foreign_form", "no_numbers", "empty"):
                raise
            refusal = refusal or error
            if left_out is not None:
                left_out.append(LeftOut(source.name, None, error.code, error.message, error.params))
        else:
            sheets += found
    if not sheets and refusal is not None:
        raise refusal
    return sheets


def _open(source: Source, reading: ReadingConfig, wanted: Sequence[str]) -> Sequence[Sheet]:
    """Return the tables of a source that is no archive. Content determines the form. Raises TableError."""
    head = source.head(16)
    if head.startswith(PARQUET):
        return [ParquetSheet.open(source)]
    if head.startswith((ZIP, OLE)):
        return ExcelSheet.open(source, reading, wanted)
    return [CsvSheet.open(source, reading, wanted)]
