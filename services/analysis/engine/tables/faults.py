"""Cells that are no numbers, and what to do about them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import TableError
from .cells import kind_of
from .config import ReadingConfig
from .metadata import texts
from .sheet import Batch, Sheet
from .words import SWITCHES, TOTALS

MAX_SHOWN_CHARACTERS = 40
MIN_NAMES = 2

MEASURED = re.compile(r"\s*[<>~≈=≤≥±(+\-\u2212]*\s*[.,]?\d")
"""What begins as a number does, maybe after a sign of comparison: 12.5 °C, <0.01, 7*."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A cell that is no number: its row in the batch, the column's place, its text, and a code."""

    row: int
    place: int
    cell: str
    code: str


class NoNumber(Exception):
    """A column has a cell that is no number."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        super().__init__(fault)


def fault_error(fault: Fault, sheet: Sheet, batch: Batch, reading: ReadingConfig) -> TableError:
    """Return the error that names a cell and, where one helps, proposes a change of the configuration."""
    cell = fault.cell
    if _is_header(fault, sheet, batch):
        return _refused(
            fault,
            sheet,
            batch,
            "another_header",
            f"'{cell.strip()}' is the name of a column, so the row is another header, and what follows may"
            " stand in other columns. Split the file there, or remove the row",
        )
    if cell.strip(" :.=").casefold() in TOTALS:
        return _refused(
            fault,
            sheet,
            batch,
            "total_row",
            f"'{cell.strip()}' marks the row as a total, not a sample. Remove the row",
        )
    shown = cell if len(cell) <= MAX_SHOWN_CHARACTERS else cell[:MAX_SHOWN_CHARACTERS] + "..."
    message, words = _advice(fault, shown)
    proposal: dict[str, Any] | None = {"missing_values": [*reading.missing_values, *words]} if words else None
    return TableError(
        message,
        file=sheet.name,
        row=batch.locate(fault.row),
        column=sheet.header[fault.place],
        code=fault.code,
        params={"cell": shown},
        proposal=proposal,
    )


def _is_header(fault: Fault, sheet: Sheet, batch: Batch) -> bool:
    """Tell whether a row has the names of several columns; the word of a status may be that of one."""
    if sheet.header_row is None or fault.cell.strip() not in sheet.header:
        return False
    row = batch.part(fault.row, fault.row + 1)
    cells = ((texts(row, place)[0] or "").strip() for place in range(len(row.columns)))
    return sum(cell in sheet.header for cell in cells if cell) >= MIN_NAMES


def _refused(fault: Fault, sheet: Sheet, batch: Batch, code: str, message: str) -> TableError:
    """Return the error about a whole row: nothing in the configuration makes samples of it."""
    return TableError(
        message,
        file=sheet.name,
        row=batch.locate(fault.row),
        column=sheet.header[fault.place],
        code=code,
        params={"cell": fault.cell.strip()[:MAX_SHOWN_CHARACTERS]},
    )


def _advice(fault: Fault, shown: str) -> tuple[str, list[str]]:
    """Return what is wrong and what to do, and the words that may mean "not measured"."""
    listing = "add it to missing_values in the configuration if it means that nothing was measured"
    if fault.code == "too_large":
        return f"'{shown}' is too large. Correct it or remove the row", []
    if fault.code == "not_numbers":
        return f"the column contains {shown}, not numbers. Convert it, or move it to the metadata", []
    if fault.code == "switch_or_status":
        return f"'{shown}' is in a column of numbers. Correct it, or {listing}", [fault.cell]
    if fault.code == "switch_or_number":
        return (
            f"'{shown}' is in a column of words such as ON and OFF. Correct it; or, if the words mean that"
            " nothing was measured, add them to missing_values in the configuration",
            sorted(SWITCHES),
        )
    if kind_of(fault.cell) == "number" or "\x00" in fault.cell:
        return (
            f"'{shown}' is not a number as the others in this file are. Correct it or remove the row",
            [],
        )
    words = [fault.cell] if len(fault.cell) <= MAX_SHOWN_CHARACTERS else []
    if MEASURED.match(fault.cell):
        return (
            f"'{shown}' is not a number, but has something beside one. Export numbers alone, {listing}, or"
            " move the column to the metadata",
            words,
        )
    return f"'{shown}' is not a number. Correct it, {listing}, or move the column to the metadata", words


def missing_error(
    values: NDArray[np.float64], places: Sequence[int | None], sheet: Sheet, batch: Batch
) -> TableError:
    """Return the error that names the first missing value (NaN) of some samples (m, d)."""
    row, at = (int(index) for index in np.argwhere(np.isnan(values))[0])
    place = places[at]
    return TableError(
        "the value is missing, and the configuration refuses missing values. Fill it in, or set missing to"
        " 'use', 'previous' or 'linear'",
        file=sheet.name,
        row=batch.locate(row),
        column=None if place is None else sheet.header[place],
        code="missing_value",
        proposal={"missing": "use"},
    )
