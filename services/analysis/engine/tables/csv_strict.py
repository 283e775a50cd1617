"""The careful CSV reader: slower, and it knows the row and column of everything."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Generator
from contextlib import closing

import numpy as np

from ..errors import TableError
from .columns import Columns, Value, metadata_value, number
from .sources import Source

LONGEST_LINE = 32 * 2**20
"""Characters of one line; a longer one is a file without line ends, and must not fill the memory."""

DELIMITERS = (",", ";", "\t")

TOO_LARGE = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE]\+?\d+)?", re.ASCII)
"""Looks like a number, and was none: it left float64's range."""

Record = tuple[int, list[str]]


def records(source: Source, stream: io.BufferedReader, delimiter: str) -> Generator[Record]:
    """Line number (1-based, of a record's first line) and cells of every record; blank lines are skipped."""
    with closing(_lines(source, stream)) as lines:
        reader = csv.reader(lines, delimiter=delimiter)
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise TableError(f"the row cannot be read ({error})", file=source.name, row=line) from None
            if cells:
                yield line, cells


def _lines(source: Source, stream: io.BufferedReader) -> Generator[str]:
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    count = 0
    try:
        while True:
            count += 1
            line = text.readline(LONGEST_LINE)
            if not line:
                return
            if len(line) >= LONGEST_LINE:
                raise TableError(
                    "the line has no end within 32 million characters: is this a table?",
                    file=source.name,
                    row=count,
                )
            yield line
    except UnicodeDecodeError as error:
        # The decoder works ahead of the lines: the exact one is found byte by byte.
        raise TableError(
            "the text is not UTF-8: save the file as CSV UTF-8",
            file=source.name,
            row=_broken_line(source, count),
        ) from error
    finally:
        text.detach()


def _broken_line(source: Source, at_least: int) -> int:
    with source.open() as stream:
        for count, line in enumerate(stream, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return count
    return at_least


def detect_delimiter(head: str) -> str:
    """The delimiter that occurs most often, outside quotes, in the header."""
    counts = dict.fromkeys(DELIMITERS, 0)
    quoted = False
    for character in head:
        if character == '"':
            quoted = not quoted
        elif not quoted:
            if character in "\r\n" and any(counts.values()):
                break
            if character in counts:
                counts[character] += 1
    return max(counts, key=lambda delimiter: counts[delimiter])


def parse_record(
    record: Record, columns: Columns, features: np.ndarray[tuple[int], np.dtype[np.float64]], file: str
) -> dict[str, Value]:
    """Write a record's features into `features` (d,) and return its metadata, or raise TableError."""
    line, cells = record
    header = columns.header
    if len(cells) != len(header):
        raise TableError(
            f"the row has {len(cells)} cells and the header {len(header)}: a delimiter or a quotation "
            "mark is missing or too many",
            file=file,
            row=line,
            column=header[min(len(cells), len(header) - 1)],
        )
    for place in range(columns.start, columns.stop):
        value = number(cells[place])
        if value is None:
            raise TableError(_reason(cells[place]), file=file, row=line, column=header[place])
        features[place - columns.start] = value
    metadata: dict[str, Value] = {}
    for places in (range(columns.start), range(columns.stop, len(header))):
        for place in places:
            try:
                metadata[header[place]] = metadata_value(cells[place])
            except ValueError as error:
                raise TableError(str(error), file=file, row=line, column=header[place]) from None
    return metadata


def _reason(cell: str) -> str:
    text = cell.strip()
    if not text:
        return "the cell is empty: every feature needs a number; fill it or remove the row"
    shown = text if len(text) <= 40 else text[:40] + "..."
    if text.lower().lstrip("+-") in {"nan", "inf", "infinity"}:
        return f"'{shown}' is not a finite number: fill it or remove the row"
    if number(text) is None and number(text.replace(",", ".", 1)) is not None:
        return f"'{shown}' has a decimal comma: export the file with decimal points"
    if TOO_LARGE.fullmatch(text):
        return f"'{shown}' is too large for a measurement: correct it or remove the row"
    return f"'{shown}' is not a number: correct it, or move the column to the metadata"
