"""What was understood of a file, and what happened while it was read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Note:
    """Something that a user should know about a file, with a stable `code` and its `params`."""

    code: str
    message: str
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Understood:
    """How one table was read. Fields that its form does not have are None or empty.

    `form` is `csv`, `parquet` or `excel`; `header_line` counts from 1; `preamble` holds the lines before it;
    `units` holds one text per column, or nothing; `archive` is the way to the table, such as
    `("zip", "press.csv")`.
    """

    form: str
    encoding: str | None = None
    delimiter: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    header_line: int | None = None
    preamble: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    comment: str | None = None
    trailing_delimiter: bool = False
    archive: tuple[str, ...] = ()
    sheet: str | None = None
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Rows or lines that were not read: `row` is the first of them, as in EngineError."""

    file: str
    row: int | None
    code: str
    message: str
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Facts:
    """What a pass over a table found: its samples, its missing cells per column and word, what it left out.

    `styles` has the decimal and the thousands separator of each text file, by name.
    """

    rows: int = 0
    missing: dict[str, Counter[str]] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)
    styles: dict[str, tuple[str, str | None]] = field(default_factory=dict)

    def count_missing(self, column: str, word: str, cells: int) -> None:
        """Count cells of a column that a word marks as missing; the empty text is an empty cell."""
        self.missing.setdefault(column, Counter())[word] += cells
