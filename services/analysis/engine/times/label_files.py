"""Reads labels from a file of their own: a row per event, with start, end and, if it has one, a code."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ..errors import TableError
from ..tables.config import MAX_LABELS
from ..tables.encoding import decoded, detect_encoding
from ..tables.records import Record, split_records
from ..tables.sources import GZIP, OLE, ZIP, refuse_foreign
from .finding import recognise
from .formats import NOT_A_TIME, Moments, TimeFormat
from .labels import MAX_CODE_CHARACTERS, Label
from .names import plain, zone_named
from .zones import ZoneReader, iso

MAX_LABEL_BYTES = 4 * 2**20
"""The labels that a configuration may hold, with room for long codes and further columns."""

NO_CODE = "fault"
"""The code of labels in a file that has only start and end."""

DELIMITERS = (",", ";", "\t", "|")

STARTS = frozenset(
    (
        "start",
        "begin",
        "from",
        "von",
        "beginn",
        "anfang",
        "debut",
        "inicio",
        "start_time",
        "starttime",
        "timestamp1",
    )
)
ENDS = frozenset(
    ("end", "stop", "to", "until", "bis", "ende", "fin", "hasta", "end_time", "endtime", "timestamp2")
)
CODES = frozenset(
    (
        "code",
        "label",
        "fault",
        "fault_code",
        "failure",
        "class",
        "type",
        "kind",
        "event",
        "reason",
        "description",
        "fehler",
        "fehlercode",
    )
)
"""Names of columns, as `plain` gives them, with underscores for blanks."""


@dataclass(frozen=True, slots=True)
class LabelFile:
    """A file of labels as it was sent."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class _Places:
    start: int
    end: int
    code: int | None


def read_labels(
    file: LabelFile, *, time_zone: str | None = None, time_format: str | None = None
) -> tuple[Label, ...]:
    """Return the labels of a text file in its order, with times in UTC as ISO 8601.

    The first two columns are start and end and the third is the code, unless a header names them. Times are
    read as those of samples are: in `time_zone` where they state none, and day and month in one order that
    makes every event end after it starts. Raises TableError naming the row, and ConfigError for an unknown
    zone or format.
    """
    records = _records(file)
    header, rows = _split(records)
    if not rows:
        raise TableError("the file has no labels. Leave it out", file=file.name, code="empty")
    if len(rows) > MAX_LABELS:
        raise TableError(
            f"the file has {len(rows):,} labels, but at most {MAX_LABELS:,} are allowed",
            file=file.name,
            code="too_many_labels",
            params={"limit": MAX_LABELS},
        )
    places = _places(header, rows, file.name)
    texts = [[cells[at].strip() for _, cells in rows] for at in (places.start, places.end)]
    starts, ends = _moments(texts, rows, file.name, time_zone, time_format)
    codes = [NO_CODE if places.code is None else _code(cells, places.code) for _, cells in rows]
    found = []
    for (line, _), start, end, code in zip(rows, starts, ends, codes, strict=True):
        if len(code) > MAX_CODE_CHARACTERS:
            raise TableError(
                f"the code has {len(code)} characters, but at most {MAX_CODE_CHARACTERS} are allowed",
                file=file.name,
                row=line,
                code="label_code_too_long",
                params={"limit": MAX_CODE_CHARACTERS},
            )
        found.append(Label(iso(int(start)), iso(int(end)), code))
    return tuple(found)


def _records(file: LabelFile) -> list[Record]:
    head = file.content[:65_536]
    if len(file.content) > MAX_LABEL_BYTES:
        raise TableError(
            f"the file has more than {MAX_LABEL_BYTES:,} bytes, so it is no list of labels",
            file=file.name,
            code="too_large_labels",
            params={"limit": MAX_LABEL_BYTES},
        )
    refuse_foreign(head, file.name)
    if head.startswith((GZIP, OLE, ZIP)):
        raise TableError("labels must be a text file. Save them as CSV", file=file.name, code="foreign_form")
    encoding = detect_encoding(head, None, file.name)
    text = decoded(file.content, encoding).strip("\x00\x1a")
    best: list[Record] = []
    for delimiter in DELIMITERS:
        try:
            records = split_records(text, delimiter)
        except csv.Error:
            continue
        records = [(line, cells) for line, cells in records if not cells[0].lstrip().startswith("#")]
        if records and min(len(cells) for _, cells in records) >= 2:
            return records
        best = best or records
    if not best:
        return []
    line = next((line for line, cells in best if len(cells) < 2), best[0][0])
    raise TableError(
        "a label has a start and an end, separated by a comma, a semicolon or a tab, and after them a code",
        file=file.name,
        row=line,
        code="label_columns",
    )


def _split(records: list[Record]) -> tuple[Sequence[str] | None, list[Record]]:
    """Return the header, if the first row is one, and the rows."""
    if not records:
        return None, []
    first = records[0][1]
    named = any(_word(cell) in STARTS | ENDS for cell in first)
    if named or not any(character.isdigit() for cell in first[:2] for character in cell):
        return first, records[1:]
    return None, records


def _word(cell: str) -> str:
    return "_".join(plain(cell).split())


def _places(header: Sequence[str] | None, rows: list[Record], name: str) -> _Places:
    width = min(len(cells) for _, cells in rows)
    named: dict[str, int] = {}
    for at, cell in enumerate(header or ()):
        word = _word(cell)
        for role, words in (("start", STARTS), ("end", ENDS), ("code", CODES)):
            if word in words:
                named.setdefault(role, at)
    if not {"start", "end"} <= set(named):
        named = {"start": 0, "end": 1}
    taken = {named["start"], named["end"]}
    if max(taken) >= width:
        line = next(line for line, cells in rows if len(cells) <= max(taken))
        raise TableError(
            "the row has no start or no end. Each label needs both", file=name, row=line, code="label_columns"
        )
    widest = max(len(cells) for _, cells in rows)
    rest = next((at for at in range(widest) if at not in taken), None)
    return _Places(named["start"], named["end"], named.get("code", rest))


def _code(cells: Sequence[str], place: int) -> str:
    return (cells[place].strip() if place < len(cells) else "") or NO_CODE


def _moments(
    texts: list[list[str]], rows: list[Record], name: str, time_zone: str | None, time_format: str | None
) -> tuple[Moments, Moments]:
    both = [*texts[0], *texts[1]]
    column = None
    if time_format is None:  # with a damaged cell, the first event shows how the others are meant
        column = recognise("time", both) or recognise("time", [cells[0] for cells in texts])
    formats = (
        (TimeFormat(time_format),) if time_format is not None else () if column is None else column.formats
    )
    read = [_utc(each, texts, time_zone) for each in formats]
    whole = [
        pair
        for pair in read
        if all((moments != NOT_A_TIME).all() for moments in pair) and (pair[0] < pair[1]).all()
    ]
    if len(whole) == 1 or (whole and column is not None and column.doubt is None):
        return whole[0]
    if len(whole) > 1:
        offers = [each.text for each in formats]
        raise TableError(
            f"'{both[0]}' can be read in two ways, because day and month cannot be told apart. Write the"
            " times as ISO 8601, such as 2024-03-21T08:37:00Z",
            file=name,
            row=rows[0][0],
            code="label_time_ambiguous",
            params={"cell": both[0], "formats": offers},
        )
    raise _unread(read, texts, rows, name)


def _utc(form: TimeFormat, texts: list[list[str]], time_zone: str | None) -> tuple[Moments, Moments]:
    zone = zone_named(time_zone or "UTC")
    start, end = (ZoneReader(zone).utc(form.parse(pa.array(cells, pa.string()))) for cells in texts)
    return start, end


def _unread(
    read: list[tuple[Moments, Moments]], texts: list[list[str]], rows: list[Record], name: str
) -> TableError:
    """Return the error about the first row that the best format cannot read, or whose end is too early."""
    if not read:
        return TableError(
            f"'{texts[0][0]}' is not a time. Write the times as ISO 8601, such as 2024-03-21T08:37:00Z",
            file=name,
            row=rows[0][0],
            code="label_time",
            params={"cell": texts[0][0][:40]},
        )
    starts, ends = max(read, key=lambda pair: sum(int((each != NOT_A_TIME).sum()) for each in pair))
    for moments, cells in ((starts, texts[0]), (ends, texts[1])):
        for at in np.flatnonzero(moments == NOT_A_TIME):
            cell = cells[int(at)][:40]
            return TableError(
                f"'{cell}' is not a time as the others in the file are",
                file=name,
                row=rows[int(at)][0],
                code="label_time",
                params={"cell": cell},
            )
    early = int(np.flatnonzero(starts >= ends)[0])
    return TableError(
        f"the label ends at {texts[1][early][:40]}, before it starts or when it does",
        file=name,
        row=rows[early][0],
        code="label_order",
    )
