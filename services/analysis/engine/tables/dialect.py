"""Finds how a text file is laid out: delimiter, lines before the header, header, units, comments."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import TableError
from .cells import column_kind, kind_of, looks_like_units
from .config import ReadingConfig

Record = tuple[int, list[str]]
"""The line of a record's beginning, counted from 1, and its cells."""

CANDIDATES = (",", ";", "\t", "|", "  ", " ")
"""Delimiters. Two spaces stand for two or more blanks, one for any number."""

NO_DELIMITER = "\x1f"
"""Stands for the delimiter of a table of one column: a character that no text has."""

COMMENTS = ("#", "//", "%", "!", "*")

MAX_SAMPLED_RECORDS = 200
MAX_PREAMBLE_LINES = 100
MIN_LINES_TO_DROP = 2
MAX_FIELD_CHARACTERS = 2**25

SEPARATOR_LINE = re.compile(r"\s*\"?sep=(.)\"?\s*", re.IGNORECASE)
"""Excel's line that names the delimiter."""

BLANKS = {"  ": re.compile(r"\t+|[ \t]{2,}"), " ": re.compile(r"[ \t]+")}


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


def split_records(text: str, delimiter: str, first_line: int = 1) -> list[Record]:
    """Return the records of a text, without blank lines. Raises csv.Error."""
    csv.field_size_limit(MAX_FIELD_CHARACTERS)
    if delimiter in BLANKS:
        return _split_at_blanks(text, BLANKS[delimiter], first_line)
    reader = csv.reader(_lines(text), delimiter=delimiter)
    found: list[Record] = []
    while True:
        line = reader.line_num + first_line
        try:
            cells = next(reader)
        except StopIteration:
            return found
        if cells and (len(cells) > 1 or cells[0].strip()):
            found.append((line, cells))


def well_quoted(delimiter: str) -> re.Pattern[bytes]:
    """Return the pattern of a text whose quoted cells end at their closing quotation mark.

    It excludes `"1"2`, which is neither 1 nor 12. It never goes back, so it takes time in proportion to the text.
    """
    marks = r" \t" if delimiter in BLANKS else re.escape(delimiter)
    pad = "[ ]" if delimiter == "\t" else r"[ \t]"
    quoted = rf'{pad}*+"(?:[^"]++|"")*+"{pad}*+(?=[{marks}\r\n]|\Z)'
    cell = rf'(?:{quoted}|[^"{marks}\r\n][^{marks}\r\n]*+|)'
    return re.compile(rf"(?:{cell}[{marks}\r\n])*+{cell}".encode())


def quotes_fit(data: bytes, delimiter: str) -> bool:
    """Tell whether all quoted cells of a text end at their closing quotation mark.

    Usually the marks stand, in turn, after and before the border of a cell. Escaped marks and blanks need the
    pattern, which is slower.
    """
    codes = np.frombuffer(data, np.uint8)
    marks = np.flatnonzero(codes == ord('"'))
    border = np.zeros(256, np.bool_)
    border[list(delimiter[:1].encode() + b"\r\n")] = True
    opens = border[codes[marks[::2] - 1]] | (marks[::2] == 0)
    closes = border[codes[np.minimum(marks[1::2] + 1, len(codes) - 1)]] | (marks[1::2] == len(codes) - 1)
    if len(marks) % 2 == 0 and opens.all() and closes.all():
        return True
    return well_quoted(delimiter).fullmatch(data) is not None


def _lines(text: str) -> list[str]:
    """Split at LF, CR LF and CR alone, and nowhere else."""
    return re.findall(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+$", text)


def _split_at_blanks(text: str, blanks: re.Pattern[str], first_line: int) -> list[Record]:
    found: list[Record] = []
    for line, content in enumerate(_lines(text), start=first_line):
        stripped = content.strip(" \t\r\n")
        if not stripped:
            continue
        if '"' in stripped and blanks.pattern == BLANKS[" "].pattern:
            cells = [a or b for a, b in re.findall(r'"([^"]*)"|(\S+)', stripped)]
        else:
            cells = blanks.split(stripped)
        found.append((line, cells))
    return found


def detect_dialect(
    head: str, complete: bool, reading: ReadingConfig, wanted: Sequence[str], name: str, max_columns: int
) -> Dialect:
    """Return the layout of a file that begins with `head`, whole lines of it. Raises TableError.

    `complete` tells that the file ends with `head`; a row with all `wanted` names is the header.
    """
    lines = _lines(head)
    if complete and len(lines) > MIN_LINES_TO_DROP and not head.endswith(("\n", "\r")):
        lines.pop()  # it may be cut
    if not any(line.strip() for line in lines):
        raise TableError("the file has no rows, not even a header", file=name, code="empty")
    hints = _hints(lines)
    skipped = hints.skipped
    comment = hints.comment
    body = "".join(lines[skipped:])
    if comment:
        body = "".join("\n" if line.lstrip().startswith(comment) else line for line in lines[skipped:])
    chosen = reading.delimiter or hints.delimiter
    layouts = []
    for delimiter in (chosen,) if chosen else CANDIDATES:
        try:
            records = split_records(body, delimiter, skipped + 1)[:MAX_SAMPLED_RECORDS]
        except csv.Error:
            continue
        if records:
            fits = '"' not in body or (delimiter not in BLANKS and quotes_fit(body.encode(), delimiter))
            layouts.append(_Layout(delimiter, records, fits=fits))
    if not layouts:
        if comment is None:
            raise TableError(
                "the rows cannot be parsed. Check for a missing quotation mark", file=name, code="unparsable"
            )
        layouts = [_Layout(chosen or ",", [])]
    best = max(layouts, key=lambda layout: (layout.holds(wanted), layout.score))
    if best.width > 1 and not best.agrees and not chosen:
        single = _Layout(NO_DELIMITER, split_records(body, NO_DELIMITER, skipped + 1)[:MAX_SAMPLED_RECORDS])
        if single.kinds == ["number"]:  # 1,5 in every line, and no header of two names: one column
            best = single
    widest = max((len(cells) for _, cells in best.records), default=0)
    if widest > max_columns:
        raise TableError(
            f"the table has {widest:,} columns, but at most {max_columns:,} are allowed. Split it up",
            file=name,
            code="too_many_columns",
            params={"limit": max_columns},
        )
    return best.dialect(lines, hints, reading, wanted, name)


def dialect_of(records: list[Record], reading: ReadingConfig, wanted: Sequence[str], name: str) -> Dialect:
    """Return the layout of records that are cells already, such as those of a worksheet. Raises TableError."""
    last = records[-1][0]
    by_line = dict(records)
    lines = ["; ".join(cell for cell in by_line.get(line, ()) if cell) for line in range(1, last + 1)]
    return _Layout(",", records).dialect(lines, _Hints(), reading, wanted, name)


@dataclass(frozen=True, slots=True)
class _Hints:
    """What a file says of its own layout."""

    skipped: int = 0
    delimiter: str | None = None
    decimal: str | None = None
    comment: str | None = None
    header_line: int | None = None
    units_lines: int | None = None


def _hints(lines: Sequence[str]) -> _Hints:
    first = lines[0].strip()
    named = SEPARATOR_LINE.fullmatch(lines[0].rstrip("\r\n"))
    if named:
        return _Hints(1, named[1])
    if first.startswith("LabVIEW Measurement"):
        return _labview(lines)
    signature = first.split(",", 1)[0].strip('"')
    if signature in ("TOA5", "TOACI1") and len(lines) > 1:
        return _Hints(1, ",", header_line=2, units_lines=2 if signature == "TOA5" else 0)
    following = lines[1] if len(lines) > 1 else ""
    for mark in COMMENTS:
        spaced = first.removeprefix(mark)[:1] in ("", " ", "\t", mark) or following.startswith(mark)
        if first.startswith(mark) and kind_of(first) == "text" and (mark in ("#", "//") or spaced):
            return _Hints(comment=mark)
    return _Hints()


def _labview(lines: Sequence[str]) -> _Hints:
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
    return _Hints(skipped, delimiter, decimal, header_line=skipped + 1 if ends else None, units_lines=0)


class _Layout:
    """The records that one delimiter makes of a file's head."""

    def __init__(self, delimiter: str, records: list[Record], *, fits: bool = True) -> None:
        self.delimiter = delimiter
        self.records = records
        body = [cells for _, cells in records[-max(1, len(records) // 3) :]]
        widths = Counter(len(cells) for cells in body)
        self.width = max(widths, key=lambda width: (widths[width], width), default=1)
        self.body = [cells for cells in body if len(cells) == self.width]
        self.kinds = [column_kind(column) for column in zip(*self.body, strict=True)]
        self.trailing = (
            self.width > 1 and self.kinds[-1] == "empty" and all(not row[-1].strip() for row in self.body)
        )
        share = len(self.body) / max(1, len(body))
        cells = self.width * len(self.body)
        clean = sum(kind_of(cell) != "text" for row in self.body for cell in row) / max(1, cells)
        self.agrees = any(
            abs(len(cells) - self.width) <= self.trailing and sum(map(_is_name, cells)) * 2 >= len(cells)
            for _, cells in records[: MAX_PREAMBLE_LINES + 1]
        )
        plain = CANDIDATES.index(delimiter) if delimiter in CANDIDATES else 0
        self.score = (
            self.width > 1,
            fits,
            share + clean + self.agrees - 0.02 * plain - 0.2 * (plain > 3),
            self.width,
        )

    def holds(self, wanted: Sequence[str]) -> bool:
        """Tell whether a row holds all wanted names."""
        return bool(wanted) and any(
            set(wanted) <= {cell.strip() for cell in cells} for _, cells in self.records[:MAX_PREAMBLE_LINES]
        )

    def dialect(
        self, lines: Sequence[str], hints: _Hints, reading: ReadingConfig, wanted: Sequence[str], name: str
    ) -> Dialect:
        """Return the dialect of these records."""
        if reading.header == 0:
            return self._without_header(lines, hints)
        header = self._header(lines, hints, reading, wanted, name)
        if isinstance(header, Dialect):
            return header
        line, cells, after = header
        below = _Layout(self.delimiter, after)
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
        hints: _Hints,
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
            row_cells=self.width if self.width == width + 1 and self.trailing else width,
            preamble=_preamble(lines, line),
            units=tuple((*units, *[""] * width)[:width]) if units else (),
            comment=hints.comment,
            decimal=hints.decimal,
        )

    def _header(
        self, lines: Sequence[str], hints: _Hints, reading: ReadingConfig, wanted: Sequence[str], name: str
    ) -> tuple[int, list[str], list[Record]] | Dialect:
        fixed = reading.header or hints.header_line
        if fixed is not None:
            at = next((place for place, (line, _) in enumerate(self.records) if line >= fixed), None)
            if at is None or self.records[at][0] != fixed:
                commented = self._commented(lines, hints, (fixed,))
                if commented:
                    return commented
                raise TableError(
                    f"line {fixed} is not among the first rows of the table. Correct header in the configuration",
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

    def _units(self, hints: _Hints, line: int) -> list[list[str]]:
        """Return the rows of units that these records, those below a header, begin with."""
        after = self.records
        if hints.units_lines is not None and hints.header_line == line:
            return [cells for _, cells in after[: hints.units_lines]]
        numbers = [place for place, kind in enumerate(self.kinds) if kind == "number"]
        units: list[list[str]] = []
        for _, cells in after[:2]:
            filled = [place for place in numbers if place < len(cells) and cells[place].strip()]
            if not numbers or not filled or not self._same_width(cells):
                break
            texts = all(kind_of(cells[place]) not in ("number", "switch") for place in filled)
            if not texts or not (
                looks_like_units(cells) or (not cells[0].strip() and self.kinds[0] != "empty")
            ):
                break
            if all(kind_of(cells[place]) == "missing" for place in filled) and not any(
                looks_like_units([cell]) for cell in cells if cell.strip()
            ):
                break
            units.append(cells)
        return units if len(after) > len(units) else []

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

    def _same_width(self, cells: Sequence[str]) -> bool:
        return len(cells) == self.width or (self.trailing and len(cells) == self.width - 1)

    def _width_of(self, header: Sequence[str]) -> int:
        """Return the number of columns that the header names; a delimiter at the end of a line makes none."""
        width = len(header)
        if self.trailing and width == self.width - 1:
            return width
        if self.trailing and width == self.width and not header[-1].strip():
            return width - 1
        # LabVIEW names a last column Comment, but ends rows before it.
        if width > 1 and header[-1].strip() in ("", "Comment") and self.width == width - 1:
            return width - 1
        return width

    def _without_header(self, lines: Sequence[str], hints: _Hints) -> Dialect:
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

    def _commented(self, lines: Sequence[str], hints: _Hints, candidates: Sequence[int]) -> Dialect | None:
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
    values = [int(name) for name in names]
    return len(names) < len(cells) and values == list(range(values[0], values[0] + len(values)))


def _preamble(lines: Sequence[str], before: int) -> tuple[str, ...]:
    return tuple(line.strip("\r\n") for line in lines[: before - 1][:MAX_PREAMBLE_LINES])


def _no_header(name: str, row: int, width: int) -> TableError:
    return TableError(
        "the first row contains only numbers, as the rows below do. The file needs a header row with column names;"
        f" or set header to 0 in the configuration, and the columns are named column_1 to column_{width}",
        file=name,
        row=row,
        code="no_header",
        proposal={"header": 0},
    )
