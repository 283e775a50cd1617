"""Reads the head of a text file, and prepares its lines for splitting."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa

from ..errors import TableError
from .lines import count_lines
from .records import BLANKS
from .sources import HEAD_BYTES, Source

MIN_HEAD_LINES = 100
MAX_HEAD_BYTES = 2**21
"""Lines that are looked at to find the layout; with very long lines, fewer."""

MIN_ROWS_OF_LONG_LINES = 3

SPACE, TAB = ord(" "), ord("\t")
NO_UTF8 = np.uint8(0xFF)
"""A byte that no UTF-8 holds."""
LINE_END = np.isin(np.arange(256), tuple(b"\r\n"))

DIGITS = re.compile(r"\d+")
MIN_WORD_CHARACTERS = 3

EXCEL_ERRORS = r"N/A|NA|NV|VALUE!|WERT!|REF!|BEZUG!|DIV/0!|NUM!|ZAHL!|NAME\?|NULL!"


def read_head(source: Source) -> tuple[bytes, bool]:
    """Return enough of a file's beginning to find its layout, and whether that is all of it."""
    with source.open() as stream:
        head = stream.read(HEAD_BYTES)
        while True:
            lines = head.count(b"\n") or head.count(b"\r")
            enough = lines >= MIN_HEAD_LINES or (
                len(head) >= MAX_HEAD_BYTES and lines >= MIN_ROWS_OF_LONG_LINES
            )
            if enough or len(head) > source.limits.line_bytes * MIN_ROWS_OF_LONG_LINES:
                return head, False
            if len(head) - max(head.rfind(b"\n"), head.rfind(b"\r")) > source.limits.line_bytes:
                raise endless_line(source, lines + 1)
            more = stream.read(len(head))
            if not more:
                if not head:
                    raise TableError("the file is empty. Export it again", file=source.name, code="empty")
                return head, True
            head += more


def endless_line(source: Source, row: int) -> TableError:
    limit = source.limits.line_bytes
    return TableError(
        f"the line has more than {limit:,} characters, so this file is probably not a table. Check for"
        " missing line"
        " ends",
        file=source.name,
        row=row,
        code="line_too_long",
        params={"limit": limit},
    )


def after_lines(chunks: Iterator[bytes], count: int) -> Iterator[bytes]:
    """Yield what follows the first lines."""
    held = b""
    for chunk in chunks:
        if count < 0:
            yield chunk
            continue
        held += chunk
        end, seen = 0, 0
        for found in re.finditer(rb"\r\n|\n|\r(?!\Z)", held) if count else ():
            seen += 1
            if seen == count:
                end = found.end()
                break
        if seen == count:
            yield held[end:]
            held, count = b"", -1


def joined(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def match_end(pattern: re.Pattern[bytes], data: bytes) -> int:
    found = pattern.match(data)
    return found.end() if found else 0


def with_tabs(data: bytes, delimiter: str) -> bytes:
    """Put one tab in place of the blanks between cells (records.BLANKS), and nothing in place of those at the
    ends of lines. `data` is UTF-8."""
    if b"\t" in data and delimiter == "  ":
        data = re.sub(rb"(?m)^[ \t]+|[ \t]+(?=\r?$)", b"", data)
        return re.sub(BLANKS[delimiter].pattern.encode(), b"\t", data)
    codes = np.frombuffer(data, np.uint8)
    blank = np.zeros(len(codes) + 2, np.bool_)
    np.logical_or(codes == SPACE, codes == TAB, out=blank[1:-1])
    borders = np.flatnonzero(blank[1:] != blank[:-1])
    begin, end = borders[::2], borders[1::2]
    last = len(codes) - 1
    inside = (
        (begin > 0) & (end <= last) & ~LINE_END[codes[begin - 1]] & ~LINE_END[codes[np.minimum(end, last)]]
    )
    within = begin[inside]
    parts = (end[inside] - within > 1) | (delimiter == " ")
    found = codes | blank[1:-1].view(np.uint8) * NO_UTF8
    found[within] = SPACE
    found[within[parts]] = TAB
    return found.tobytes().translate(None, bytes([NO_UTF8]))


def _comment(mark: str) -> str:
    """Return the pattern of a comment. A row that begins with an error of Excel (#N/A) is none."""
    no_error = rf"(?!(?:{EXCEL_ERRORS})(?:[,;|\s]|\Z))" if mark == "#" else ""
    return rf"(?:\A|(?<=[\r\n]))[ \t]*{re.escape(mark)}{no_error}[^\r\n]*"


def uncommented(text: str, mark: str | None) -> str:
    """Empty the lines that are comments; their ends stay, so that lines keep their numbers."""
    if mark is None or mark not in text:
        return text
    return re.sub(_comment(mark), "", text)


def uncommented_bytes(data: bytes, mark: bytes) -> bytes:
    return re.sub(_comment(mark.decode()).encode(), b"", data)


@dataclass(frozen=True, slots=True)
class Repeats:
    """Lines that appended exports and reports of several pages have again: the header, and those before it.

    `words` has a piece of each; without any of them, a text has no such line.
    """

    pattern: re.Pattern[bytes] | None
    words: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, header: str, preamble: Sequence[str], delimiter: str, width: int) -> Self:
        """`header` is the line as it is written, or empty. Of lines with as many cells as rows, none is left
        out but it."""
        before = {line.strip(): max(DIGITS.split(line), key=len) for line in preamble}
        before = {
            line: word
            for line, word in before.items()
            if len(word.strip()) >= MIN_WORD_CHARACTERS and line.count(delimiter) < width - 1
        }
        # Pages and times differ.
        lines = "|".join(DIGITS.sub(r"\\d+", re.escape(line)) for line in before)
        either = "|".join([f"({re.escape(header)})" if header else "((?!))", *([lines] if lines else [])])
        pattern = rf"(?:\A|(?<=[\r\n]))(?:\xef\xbb\xbf)?(?:{either})[ \t]*(?=[\r\n]|\Z)"
        words = tuple(word.encode() for word in (header, *before.values()) if word)
        return cls(re.compile(pattern.encode()) if words else None, words)

    def without(self, data: bytes) -> tuple[bytes, list[tuple[int, str]]]:
        """Empty such lines; their ends stay, so that lines keep their numbers.

        Returns the text and, of each line, its number counted from 0 and what it repeats.
        """
        if self.pattern is None or not any(word in data for word in self.words):
            return data, []
        found = list(self.pattern.finditer(data))
        lines = [
            (count_lines(data[: each.start()]), "header" if each[1] is not None else "preamble")
            for each in found
        ]
        return (self.pattern.sub(b"", data), lines) if lines else (data, [])
