"""What one delimiter makes of a file's head: the rows of data, the header before them, and units between."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property

from ..errors import TableError
from .cells import column_kind, kind_of, looks_like_units
from .config import ReadingConfig
from .dialect import MAX_PREAMBLE_LINES, Dialect, Hints
from .records import Record, split_records

CANDIDATES = (",", ";", "\t", "|", "  ", " ")
"""Delimiters, the most usual first."""

MAX_COUNTER_DIGITS = 9

MIN_CLEAN_SHARE = 0.9
"""Share of cells that are numbers, times or missing; with so many, a delimiter is right beyond doubt."""


class Layout:
    """The records that one delimiter makes of a file's head."""

    def __init__(self, delimiter: str, records: list[Record], *, fits: bool = True) -> None:
        self.delimiter = delimiter
        self.records = records
        self._fits = fits
        self._tail = [cells for _, cells in records[-max(1, len(records) // 3) :]]
        widths = Counter(len(cells) for cells in self._tail)
        self.width = max(widths, key=lambda width: (widths[width], width), default=1)
        self.body = [cells for cells in self._tail if len(cells) == self.width]
        self.kinds = [column_kind(column) for column in zip(*self.body, strict=True)]
        self.trailing = (
            self.width > 1 and self.kinds[-1] == "empty" and all(not row[-1].strip() for row in self.body)
        )

    @cached_property
    def _share(self) -> float:
        """The share of the rows that have the usual width."""
        return len(self.body) / max(1, len(self._tail))

    @cached_property
    def _clean(self) -> float:
        """The share of the cells that are no text."""
        cells = self.width * len(self.body)
        return sum(kind_of(cell) != "text" for row in self.body for cell in row) / max(1, cells)

    @cached_property
    def agrees(self) -> bool:
        """Whether a row of names has the width of the rows."""
        return any(
            abs(len(cells) - self.width) <= self.trailing and sum(map(_is_name, cells)) * 2 >= len(cells)
            for _, cells in self.records[: MAX_PREAMBLE_LINES + 1]
        )

    @cached_property
    def perfect(self) -> bool:
        """Whether the delimiter is right beyond doubt."""
        whole = self.width > 1 and self._fits and self.agrees and self._share == 1
        return whole and self._clean >= MIN_CLEAN_SHARE

    @cached_property
    def score(self) -> tuple[bool, bool, float, int]:
        """How well the delimiter fits, to be compared with others."""
        plain = CANDIDATES.index(self.delimiter) if self.delimiter in CANDIDATES else 0
        fitting = self._share + self._clean + self.agrees - 0.02 * plain - 0.2 * (plain > 3)
        return self.width > 1, self._fits, fitting, self.width

    def holds(self, wanted: Sequence[str]) -> bool:
        """Tell whether a row holds all wanted names."""
        return bool(wanted) and any(
            set(wanted) <= {cell.strip() for cell in cells} for _, cells in self.records[:MAX_PREAMBLE_LINES]
        )

    def dialect(
        self, lines: Sequence[str], hints: Hints, reading: ReadingConfig, wanted: Sequence[str], name: str
    ) -> Dialect:
        """Return the dialect of these records."""
        if reading.header == 0:
            return self._without_header(lines, hints)
        header = self._header(lines, hints, reading, wanted, name)
        if isinstance(header, Dialect):
            return header
        line, cells, after = header
        below = Layout(self.delimiter, after)
        units = below._units(hints, line)
        following = [at for at, _ in after]
        if len(following) > len(units):
            data_line = following[len(units)]
        else:
            data_line = (following[len(units) - 1] if units else line) + 1
        return below._dialect(lines, hints, line, cells, data_line, units[0] if units else ())

    def _dialect(
        self,
        lines: Sequence[str],
        hints: Hints,
        line: int,
        header: Sequence[str],
        data_line: int,
        units: Sequence[str] = (),
    ) -> Dialect:
        width = self._width_of(header)
        return Dialect(
            delimiter=self.delimiter,
            header=tuple(header[:width]),
            header_line=line,
            data_line=data_line,
            width=width,
            row_cells=width + self._ends_in_delimiters(header, width, data_line),
            preamble=_preamble(lines, line),
            units=tuple((*units, *[""] * width)[:width]) if units else (),
            comment=hints.comment,
            decimal=hints.decimal,
        )

    def _header(
        self, lines: Sequence[str], hints: Hints, reading: ReadingConfig, wanted: Sequence[str], name: str
    ) -> tuple[int, list[str], list[Record]] | Dialect:
        fixed = reading.header or hints.header_line
        if fixed is not None:
            at = next((place for place, (line, _) in enumerate(self.records) if line >= fixed), None)
            if at is None or self.records[at][0] != fixed:
                commented = self._commented(lines, hints, (fixed,))
                if commented:
                    return commented
                raise TableError(
                    f"line {fixed} is not among the first rows of the table. Correct header in the"
                    " configuration",
                    file=name,
                    row=fixed,
                    code="no_header",
                )
            return self.records[at][0], self.records[at][1], self.records[at + 1 :]
        if wanted:
            for at, (line, cells) in enumerate(self.records[:MAX_PREAMBLE_LINES]):
                if set(wanted) <= {cell.strip() for cell in cells}:
                    return line, cells, self.records[at + 1 :]
        first = self._first_data()
        if first == 0:
            commented = self._commented(
                lines, hints, range(1, self.records[0][0] if self.records else len(lines) + 1)
            )
            if commented:
                return commented
            if not self.records:
                raise TableError(
                    "the file has comments only, and no rows. Export it again", file=name, code="empty"
                )
            line, cells = self.records[0]
            named = any(
                kind_of(cell) == "text" and kind == "empty"
                for cell, kind in zip(cells, self.kinds, strict=False)
            )
            filled = set(self.kinds) & {"number", "switch", "time"}
            if self._is_data(cells) and filled and not named and not _counts_up(cells):
                raise _no_header(name, line, self.width)
            return line, cells, self.records[1:]
        at = self._header_before(first)
        return self.records[at][0], self.records[at][1], self.records[at + 1 :]

    def _header_before(self, first: int) -> int:
        """Return the place of the header among the records before the first row of data."""
        start = first
        while start > 0 and self._same_width(self.records[start - 1][1]):
            start -= 1
        if start == first:
            return first - 1
        at = first - 1
        while at > start and looks_like_units(self.records[at][1]):
            at -= 1
        if at == first - 1 == start + 1 and not self.records[at][1][0].strip():
            return start  # a row below the names that leaves the time's cell empty: units that nobody knows
        return at

    def _units(self, hints: Hints, line: int) -> list[list[str]]:
        """Return the rows of units that these records, those below a header, begin with."""
        after = self.records
        if hints.units_lines is not None and hints.header_line == line:
            return [cells for _, cells in after[: hints.units_lines]]
        numbers = [place for place, kind in enumerate(self.kinds) if kind in ("number", "switch")]
        units: list[list[str]] = []
        for _, cells in after[:2]:
            if not self._same_width(cells) or not any(cell.strip() not in ("", "1") for cell in cells):
                break
            kinds = ["text" if cell.strip() == "1" else kind_of(cell) for cell in cells]  # 1: no dimension
            unknown = numbers and not cells[0].strip() and self.kinds[0] != "empty"
            if {"number", "switch", "time"} & set(kinds) or not (looks_like_units(cells) or unknown):
                break
            if (
                unknown
                and not looks_like_units(cells)
                and all(kinds[place] == "missing" for place in numbers)
            ):
                break  # words for missing values, below an index without a value
            units.append(cells)
        # Something is below the units.
        return units[: max(0, len(after) - 1)]

    def _first_data(self) -> int:
        """Return the place of the first of three successive rows of data."""
        if not {"number", "switch"} & set(self.kinds):
            return (
                0 if not self.kinds or not self._is_data(self.records[0][1]) or len(self.records) == 1 else 1
            )
        for at in range(len(self.records)):
            if all(self._is_data(cells) for _, cells in self.records[at : at + 3]):
                return at
        return next((at for at, (_, cells) in enumerate(self.records) if self._is_data(cells)), 0)

    def _is_data(self, cells: Sequence[str]) -> bool:
        """Tell whether the cells are of the kinds of the rows further down."""
        if not self._same_width(cells):
            return False
        kinds = [kind_of(cell) for cell in cells]
        for kind, expected in zip(kinds, self.kinds, strict=False):
            if expected in ("number", "switch") and kind not in ("number", "switch", "missing"):
                return False
            if expected == "time" and kind == "text":
                return False
        numbers = [
            kind
            for kind, expected in zip(kinds, self.kinds, strict=False)
            if expected in ("number", "switch")
        ]
        return not numbers or any(kind != "missing" for kind in numbers)

    def _ends_in_delimiters(self, header: Sequence[str], width: int, data_line: int) -> bool:
        """Whether rows have a delimiter at their end. One row alone may as well have one too many before."""
        if not self.trailing or self.width != width + 1:
            return False
        widths = Counter(len(cells) for line, cells in self.records if line >= data_line)
        return widths[width + 1] > widths[width] and (len(header) > width or widths[width + 1] > 1)

    def _same_width(self, cells: Sequence[str]) -> bool:
        return len(cells) == self.width or (self.trailing and len(cells) == self.width - 1)

    def _width_of(self, header: Sequence[str]) -> int:
        """Return the number of columns that the header names; a delimiter at the end of a line makes none."""
        width = len(header)
        if self.trailing and width > 1 and width in (self.width, self.width - 1):
            return width if header[-1].strip() else width - 1
        # LabVIEW names a last column Comment, but ends rows before it.
        if width > 1 and header[-1].strip() in ("", "Comment") and self.width == width - 1:
            return width - 1
        return width

    def _without_header(self, lines: Sequence[str], hints: Hints) -> Dialect:
        first = self._first_data()
        width = self.width - self.trailing
        line = self.records[first][0] if self.records else 1
        return Dialect(
            self.delimiter,
            (),
            None,
            line,
            width,
            self.width,
            _preamble(lines, line),
            comment=hints.comment,
            decimal=hints.decimal,
        )

    def _commented(self, lines: Sequence[str], hints: Hints, candidates: Sequence[int]) -> Dialect | None:
        """Return the dialect of a file whose header is a comment, as numpy and gnuplot write it."""
        if hints.comment is None:
            return None
        for line in reversed(candidates):
            content = lines[line - 1].strip() if line <= len(lines) else ""
            if not content.startswith(hints.comment):
                continue
            split = split_records(content.removeprefix(hints.comment).strip(), self.delimiter)
            if len(split) == 1 and self._same_width(split[0][1]) and self.width > 1:
                data_line = self.records[0][0] if self.records else line + 1
                return self._dialect(lines, hints, line, split[0][1], data_line)
        return None


def _is_name(cell: str) -> bool:
    return kind_of(cell) == "text"


def _counts_up(cells: Sequence[str]) -> bool:
    """Tell whether a row of numbers is a header: names such as 0, 1, 2 after a nameless index."""
    names = [cell.strip() for cell in cells if cell.strip()]
    if (
        not names
        or not all(name.isascii() and name.isdecimal() for name in names)
        or len(names) < len(cells) - 1
    ):
        return False
    if max(map(len, names)) > MAX_COUNTER_DIGITS:
        return False
    values = [int(name) for name in names]
    return len(names) < len(cells) and values == list(range(values[0], values[0] + len(values)))


def _preamble(lines: Sequence[str], before: int) -> tuple[str, ...]:
    return tuple(line.strip("\r\n") for line in lines[: before - 1][:MAX_PREAMBLE_LINES])


def _no_header(name: str, row: int, width: int) -> TableError:
    return TableError(
        "the first row contains only numbers, as the rows below do. The file needs a header row with column"
        " names;"
        f" or set header to 0 in the configuration, and the columns are named column_1 to column_{width}",
        file=name,
        row=row,
        code="no_header",
        proposal={"header": 0},
    )
