"""Cuts a text file into blocks of whole records, and finds where it really ends."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ..errors import TableError
from .encoding import ENDS
from .limits import Limits

BLOCK_BYTES, MAX_BLOCK_BYTES, BLOCK_ROWS = 2**20, 2**21, 4096
"""Bytes that are read at once. Wide rows are read faster in larger blocks; of narrow ones, the metadata take
more memory than the text."""

Item = TypeVar("Item")

FEED = ord("\n")
BLANK = ENDS + b"\r\n\t "


@dataclass(frozen=True, slots=True)
class Block:
    """Whole records, as bytes. `line` is the number of the first; `open_end` means that the last has no
    end."""

    data: bytes
    line: int
    open_end: bool = False


def ahead(items: Generator[Item]) -> Iterator[Item]:
    """Yield items, and make the next one in another thread in the meantime."""
    with closing(items), ThreadPoolExecutor(1) as thread:
        following = thread.submit(next, items, None)
        while (item := following.result()) is not None:
            following = thread.submit(next, items, None)
            yield item


def block_bytes(lines: Sequence[str]) -> int:
    """Return how much of a file to read at once, by some of its lines."""
    return min(max(BLOCK_ROWS * max(map(len, lines), default=0), BLOCK_BYTES), MAX_BLOCK_BYTES)


def count_lines(data: bytes) -> int:
    """Return the number of line ends: LF, CR LF and CR alone."""
    # NumPy counts four times as fast as bytes do.
    feeds = int(np.count_nonzero(np.frombuffer(data, np.uint8) == FEED))
    if b"\r" not in data:
        return feeds
    return feeds + data.count(b"\r") - data.count(b"\r\n")


def blocks(
    chunks: Iterator[bytes], delimiter: bytes, limits: Limits, name: str, line: int = 1
) -> Iterator[Block]:
    """Yield the records of a file in blocks, from a line on. Raises TableError if a line never ends.

    The bytes after a last NUL or Ctrl-Z that only blanks follow are no part of the file.
    """
    pending = b""
    for chunk in _without_tail(chunks):
        data, pending = _whole_records(pending, chunk, delimiter)
        if data:
            yield Block(data, line)
            line += count_lines(data)
        if len(pending) > limits.line_bytes:
            raise TableError(
                f"the line has more than {limits.line_bytes:,} characters, so this file is probably not a"
                " table."
                " Check for a missing line end or quotation mark",
                file=name,
                row=line,
                code="line_too_long",
                params={"limit": limits.line_bytes},
            )
    if pending.strip(b"\r\n"):
        yield Block(pending, line, open_end=not pending.endswith((b"\n", b"\r")))


def _whole_records(pending: bytes, chunk: bytes, delimiter: bytes) -> tuple[bytes, bytes]:
    """Return the whole records of what is at hand, and the rest."""
    if b"\n" in chunk and b'"' not in chunk and b'"' not in pending:
        end = chunk.rfind(b"\n") + 1
        return b"".join((pending, memoryview(chunk)[:end])), chunk[end:]
    data = pending + chunk
    end = _end_of_records(data, delimiter)
    return data[:end], data[end:]


def _end_of_records(data: bytes, delimiter: bytes) -> int:
    """Return where the last whole record ends, outside quotation marks; 0 if there is none."""
    newline = b"\n" if b"\n" in data else b"\r"
    end = data.rfind(newline) + 1
    if newline == b"\r" and end == len(data):  # the line feed of this carriage return may follow
        end = data.rfind(newline, 0, end - 1) + 1
    if b'"' not in data or not _opens_quotes(data, delimiter):
        return end
    while end and data.count(b'"', 0, end) % 2:
        end = data.rfind(newline, 0, data.rfind(b'"', 0, end)) + 1
    return end


def _opens_quotes(data: bytes, delimiter: bytes) -> bool:
    """Tell whether a cell begins with a quotation mark. Elsewhere it is a character as any other (inches)."""
    return data.startswith(b'"') or bool(re.search(b"[\r\n" + re.escape(delimiter) + b'][ \t]*"', data))


def _without_tail(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the chunks up to the tail of NUL, Ctrl-Z and blanks, if a file ends in one."""
    held = b""
    for chunk in chunks:
        if held:
            if not chunk.strip(BLANK):
                continue  # still the tail; its length does not matter
            yield held
            held = b""
        if chunk[-1:].strip(BLANK) == b"" and (b"\x00" in chunk or b"\x1a" in chunk):
            body = chunk.rstrip(BLANK)
            tail = chunk[len(body) :]
            first = min((at for at in (tail.find(b"\x00"), tail.find(b"\x1a")) if at >= 0), default=len(tail))
            if len(body) + first:
                yield chunk[: len(body) + first]
            held = tail[first:]
            continue
        yield chunk
