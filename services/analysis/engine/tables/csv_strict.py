"""The strict CSV reader: slower than the fast one, but it knows the row and column of every error."""

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

MAX_LINE_CHARACTERS = 32 * 2**20
"""A longer line indicates a file without line ends, which must not exhaust the memory."""

DELIMITERS = (",", ";", "\t")

TOO_LARGE = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE]\+?\d+)?", re.ASCII)
"""Looks like a number; if it is not a finite one, it exceeds the range of float64."""

Record = tuple[int, list[str]]


def records(source: Source, stream: io.BufferedReader, delimiter: str) -> Generator[Record]:
    """Yield the (first) line number, 1-based, and the cells of each record, skipping blank lines."""
    with closing(_lines(source, stream)) as lines:
        reader = csv.reader(lines, delimiter=delimiter)
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise TableError(f"the row cannot be parsed ({error})", file=source.name, row=line) from None
            if cells:
                yield line, cells


def _lines(source: Source, stream: io.BufferedReader) -> Generator[str]:
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    count = 0
    try:
        while True:
            count += 1
            line = text.readline(MAX_LINE_CHARACTERS)
            if not line:
                return
            if len(line) >= MAX_LINE_CHARACTERS:
                raise TableError(
                    f"the line has more than {MAX_LINE_CHARACTERS:,} characters, so this file is probably not"
                    " a table",
                    file=source.name,
                    row=count,
                )
            yield line
    except UnicodeDecodeError as error:
        # The decoder reads ahead, so the exact line must be searched for.
        raise TableError(
            "the text is not UTF-8. Save the file as CSV UTF-8",
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
    """Return the delimiter that occurs most often in the header, outside quotation marks."""
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
    """Write a record's features into `features` (d,) and return its metadata. Raises TableError."""
    line, cells = record
    header = columns.header
    if len(cells) != len(header):
        raise TableError(
            f"the row has {len(cells)} cells, but the header has {len(header)}. Check for a missing or extra "
            "delimiter or quotation mark",
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
        return "the cell is empty, but every feature needs a number. Fill it in or remove the row"
    shown = text if len(text) <= 40 else text[:40] + "..."
    if text.lower().lstrip("+-") in {"nan", "inf", "infinity"}:
        return f"'{shown}' is not a finite number. Correct it or remove the row"
    if number(text) is None and number(text.replace(",", ".", 1)) is not None:
        return f"'{shown}' has a decimal comma. Export the file with decimal points"
    if TOO_LARGE.fullmatch(text):
        return f"'{shown}' is too large. Correct it or remove the row"
    return f"'{shown}' is not a number. Correct it, or move the column to the metadata"
