"""Decides about the end of a file: a last line that was cut, by a full disk or a broken transfer, and text
after the last row."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable

from .cells import kind_of
from .dialect import Dialect
from .lines import Block, count_lines
from .records import BLANKS, split_records

COMPARED_ROWS = 1000
"""Rows before the last one whose last cells are compared with its last cell."""

MAX_FOOTER_BYTES = 2**14

PARTS = re.compile(r"[+-]?\d*(?:[.,](\d*))?(?:[eEdD]([+-]?\d*))?", re.ASCII)

Cut = tuple[int, str]
"""The line, and the reason."""


def without_cut_line(block: Block, before: bytes, dialect: Dialect) -> tuple[Block, Cut | None]:
    """Return a file's last block without its last line if that was cut, and the reason.

    A line is cut if it has fewer cells than the header, or ends within quotation marks, or if the number at
    its
    end has fewer decimals than any other in its column. `before` is what precedes the block.
    """
    data = block.data
    start = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
    line = block.line + count_lines(data[:start])
    last = data[start:].decode("utf-8", "replace")
    if data.count(b'"') % 2 and data[start:].count(b'"') % 2 == 0:
        return block, None  # a quotation mark opened further up swallows the rest: an error, and not a cut
    if not last.strip() or (dialect.comment and last.lstrip().startswith(dialect.comment)):
        return block, None
    reason = _reason(last, before + data[:start], dialect)
    if reason is None:
        return block, None
    return Block(data[:start], block.line), (line, f"the last line is incomplete: {reason}")


def _reason(last: str, before: bytes, dialect: Dialect) -> str | None:
    if last.count('"') % 2:
        return "it ends within quotation marks"
    try:
        ((_, cells),) = split_records(last, dialect.delimiter)
    except (csv.Error, ValueError):
        return "it cannot be parsed"
    if len(cells) < dialect.width:
        return f"it has {len(cells)} cells instead of {dialect.width}"
    if len(cells) > dialect.width or last.endswith('"'):
        return None
    number = PARTS.fullmatch(cells[-1].strip())
    if number is None:
        return None
    lines = before.decode("utf-8", "replace").splitlines()[-COMPARED_ROWS:]
    try:
        others = [
            row[-1] for _, row in split_records("\n".join(lines), dialect.delimiter) if len(row) == len(cells)
        ]
    except csv.Error:
        return None
    if not cells[-1].strip() and any(not cell.strip() for cell in others):
        return None
    matches = [found for cell in others if (found := PARTS.fullmatch(cell.strip())) and cell.strip()]
    if number[2] is not None:
        exponents = [len(found[2]) for found in matches if found[2] is not None]
        if len(number[2].lstrip("+-")) < 2 and len(number[2]) < min(exponents, default=2):
            return "its last number has a shorter exponent than all others in the column"
        return None
    if matches and all(found[2] for found in matches):
        return "its last number has no exponent, as all others in the column have"
    decimals = [-1 if found[1] is None else len(found[1]) for found in matches]
    if decimals and (-1 if number[1] is None else len(number[1])) < min(decimals):
        return "its last number has fewer decimals than all others in the column"
    return None


def without_footer(
    block: Block, line: int, following: Iterable[Block], dialect: Dialect
) -> tuple[Block, list[int]] | None:
    """Return a file's last block without what begins at a line, and the numbers of the lines left out.

    None if that may be more than text after the last row, such as "(14 rows affected)": each line must have
    fewer cells than a row, the first of them text, and none of them a number.
    """
    lines = block.data.splitlines(keepends=True)
    start = sum(map(len, lines[: line - block.line]))
    end = block.data[start:]
    for more in following:
        if len(end) > MAX_FOOTER_BYTES:
            return None
        end += more.data
    if len(end) > MAX_FOOTER_BYTES or dialect.delimiter in BLANKS:
        return None
    try:
        records = split_records(end.decode("utf-8", "replace"), dialect.delimiter, line)
    except csv.Error:
        return None
    for _, cells in records:
        kinds = [kind_of(cell) for cell in cells]
        if len(cells) >= dialect.width or kinds[0] != "text" or "number" in kinds:
            return None
    return Block(block.data[:start], block.line), [place for place, _ in records]
