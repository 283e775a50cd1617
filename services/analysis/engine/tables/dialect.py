"""How a text file is laid out, and what some files say of that themselves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .cells import kind_of

NO_DELIMITER = "\x1f"
"""Stands for the delimiter of a table of one column: a character that no text has."""

COMMENTS = ("#", "//", "%", "!", "*")

MAX_PREAMBLE_LINES = 100

SEPARATOR_LINE = re.compile(r"\s*\"?sep=(.)\"?\s*", re.IGNORECASE)
"""Excel's line that names the delimiter."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """The layout of a text file. Lines count from 1; `data_line` is the first line after header and units.

    `header` is empty if the file has none. A table has `width` columns; a row has `row_cells` cells, one more
    than that if it ends in a delimiter.
    """

    delimiter: str
    header: tuple[str, ...]
    header_line: int | None
    data_line: int
    width: int
    row_cells: int
    preamble: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    comment: str | None = None
    decimal: str | None = None

    @property
    def trailing(self) -> bool:
        """Tell whether every row ends in a delimiter."""
        return self.row_cells == self.width + 1


@dataclass(frozen=True, slots=True)
class Hints:
    """What a file says of its own layout."""

    skipped: int = 0
    delimiter: str | None = None
    decimal: str | None = None
    comment: str | None = None
    header_line: int | None = None
    units_lines: int | None = None


def hints_of(lines: Sequence[str]) -> Hints:
    first = lines[0].strip()
    named = SEPARATOR_LINE.fullmatch(lines[0].rstrip("\r\n"))
    if named:
        return Hints(1, named[1])
    if first.startswith("LabVIEW Measurement"):
        return _labview(lines)
    signature = first.split(",", 1)[0].strip('"')
    if signature in ("TOA5", "TOACI1") and len(lines) > 1:
        return Hints(1, ",", header_line=2, units_lines=2 if signature == "TOA5" else 0)
    following = lines[1] if len(lines) > 1 else ""
    for mark in COMMENTS:
        spaced = first.removeprefix(mark)[:1] in ("", " ", "\t", mark) or following.startswith(mark)
        if first.startswith(mark) and kind_of(first) == "text" and (mark in ("#", "//") or spaced):
            return Hints(comment=mark)
    return Hints()


def _labview(lines: Sequence[str]) -> Hints:
    """Read the header of LabVIEW's .lvm format (ni.com, "Specification for the LabVIEW Measurement File")."""
    delimiter, decimal, ends = "\t", None, []
    for place, line in enumerate(lines[:MAX_PREAMBLE_LINES]):
        cells = re.split(r"[\t,;]", line.rstrip("\r\n"), maxsplit=1)
        if line.startswith("***End_of_Header***"):
            ends.append(place)
        elif cells[0] == "Separator" and len(cells) > 1:
            delimiter = {"Comma": ",", "Tab": "\t"}.get(cells[1].strip(), delimiter)
        elif cells[0] == "Decimal_Separator" and len(cells) > 1 and cells[1].strip() in (".", ","):
            decimal = cells[1].strip()
    skipped = ends[min(1, len(ends) - 1)] + 1 if ends else 0
    while skipped < len(lines) and not lines[skipped].strip():
        skipped += 1
    return Hints(skipped, delimiter, decimal, header_line=skipped + 1 if ends else None, units_lines=0)
