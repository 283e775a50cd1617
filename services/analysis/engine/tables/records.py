"""Splits text into records of cells, and checks their quotation marks."""

from __future__ import annotations

import csv
import re

import numpy as np

Record = tuple[int, list[str]]
"""The line of a record's beginning, counted from 1, and its cells."""

MAX_FIELD_CHARACTERS = 2**25

BLANKS = {"  ": re.compile(r"\t+|[ \t]{2,}"), " ": re.compile(r"[ \t]+")}
"""Delimiters that are blanks: two spaces stand for two or more, one for any number."""


def split_records(text: str, delimiter: str, first_line: int = 1) -> list[Record]:
    """Return the records of a text, without blank lines. Raises csv.Error."""
    csv.field_size_limit(MAX_FIELD_CHARACTERS)
    if delimiter in BLANKS:
        return _split_at_blanks(text, BLANKS[delimiter], first_line)
    reader = csv.reader(text_lines(text), delimiter=delimiter)
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

    It excludes `"1"2`, which is neither 1 nor 12. It never goes back, so it takes time in proportion to the
    text.
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


def text_lines(text: str) -> list[str]:
    """Split at LF, CR LF and CR alone, and nowhere else."""
    return re.findall(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+$", text)


def _split_at_blanks(text: str, blanks: re.Pattern[str], first_line: int) -> list[Record]:
    found: list[Record] = []
    for line, content in enumerate(text_lines(text), start=first_line):
        stripped = content.strip(" \t\r\n")
        if not stripped:
            continue
        if '"' in stripped and blanks.pattern == BLANKS[" "].pattern:
            cells = [a or b for a, b in re.findall(r'"([^"]*)"|(\S+)', stripped)]
        else:
            cells = blanks.split(stripped)
        found.append((line, cells))
    return found
