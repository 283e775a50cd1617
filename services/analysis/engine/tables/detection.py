"""Finds how a text file is laid out: delimiter, lines before the header, header, units, comments."""

from __future__ import annotations

import csv
from collections.abc import Sequence

from ..errors import TableError
from .config import ReadingConfig
from .dialect import NO_DELIMITER, Dialect, Hints, hints_of
from .layout import CANDIDATES, Layout
from .records import BLANKS, Record, quotes_fit, split_records, text_lines

MAX_SAMPLED_RECORDS = 200
MIN_LINES_TO_DROP = 2


def detect_dialect(
    head: str, complete: bool, reading: ReadingConfig, wanted: Sequence[str], name: str, max_columns: int
) -> Dialect:
    """Return the layout of a file that begins with `head`, whole lines of it. Raises TableError.

    `complete` tells that the file ends with `head`; a row with all `wanted` names is the header.
    """
    lines = text_lines(head)
    if complete and len(lines) > MIN_LINES_TO_DROP and not head.endswith(("\n", "\r")):
        lines.pop()  # it may be cut
    if not any(line.strip() for line in lines):
        raise TableError("the file has no rows, not even a header", file=name, code="empty")
    hints = hints_of(lines)
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
            layouts.append(Layout(delimiter, records, fits=fits))
            if layouts[-1].perfect and (not wanted or layouts[-1].holds(wanted)):
                break
    if not layouts:
        if comment is None:
            raise TableError(
                "the rows cannot be parsed. Check for a missing quotation mark", file=name, code="unparsable"
            )
        layouts = [Layout(chosen or ",", [])]
    best = max(layouts, key=lambda layout: (layout.holds(wanted), layout.score))
    if best.width > 1 and not best.agrees and not chosen:
        single = Layout(NO_DELIMITER, split_records(body, NO_DELIMITER, skipped + 1)[:MAX_SAMPLED_RECORDS])
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
    """Return the layout of records that are cells already, such as those of a worksheet. Raises
    TableError."""
    last = records[-1][0]
    by_line = dict(records)
    lines = ["; ".join(cell for cell in by_line.get(line, ()) if cell) for line in range(1, last + 1)]
    return Layout(",", records).dialect(lines, Hints(), reading, wanted, name)
