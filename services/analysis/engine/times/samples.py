"""Dates the samples of a file, chunk by chunk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from ..errors import ConfigError
from .facts import TimeFacts
from .finding import Doubt, TimeColumn, cells_of
from .formats import NOT_A_TIME, Moments
from .zones import ZoneReader, isos


class SampleTimes:
    """Reads the time column of successive chunks, and counts what there is to say about it.

    `column` is None if the file has no times. `zone` applies to times that state none; `zone_from` says where
    it comes from: `setting`, `default`, or `cells` for times that state their own.
    """

    def __init__(self, column: TimeColumn | None, zone: ZoneInfo | int, *, zone_from: str) -> None:
        self._column = column
        self._zone = ZoneReader(zone)
        self._zone_from = zone_from
        self._facts = TimeFacts()
        if column is not None and column.doubt is None and not column.formats[0].has_date:
            self._doubt: Doubt | None = _no_date(column)
        else:
            self._doubt = None if column is None else column.doubt

    @property
    def name(self) -> str | None:
        """The metadata column that holds the samples' times after `date`; None if they are not dated."""
        return None if self._column is None or self._doubt is not None else self._column.name

    def date(self, metadata: Sequence[dict[str, Any]], first_row: int) -> Moments | None:
        """Return the samples' times (microseconds since 1970, UTC; NOT_A_TIME where there is none).

        Cells of the time column become ISO 8601 in UTC, unless they are so already; unreadable ones stay as
        they are. `first_row` is the 1-based row of the first sample, for the facts. None if samples are not
        dated.
        """
        column = self._column
        if column is None or self._doubt is not None or not metadata:
            return None
        cells = cells_of(column, {name: [entry.get(name) for entry in metadata] for name in column.columns})
        parsed = column.formats[0].parse(cells)
        moments = self._zone.utc(parsed)
        odd = np.flatnonzero(moments == NOT_A_TIME)
        written = cells.take(pa.array(odd)).to_pylist() if len(odd) else []
        self._facts.add(moments, odd, written, first_row)
        if not self._as_written:
            known = np.flatnonzero(moments != NOT_A_TIME)
            for place, text in zip(known.tolist(), isos(moments[known]), strict=True):
                metadata[place][column.name] = text
        return moments

    @property
    def _as_written(self) -> bool:
        """Whether the cells are ISO 8601 already, and mean what readers without a zone take them for."""
        if self._column is None or len(self._column.columns) > 1:
            return False
        text = self._column.formats[0].text
        written = text == "iso" or text.replace(" %z", "%z") in ISO_TEXTS
        return written and self._zone.zone == 0

    def facts(self) -> dict[str, Any]:
        """Return which column and format were used, and the facts of the times; problems have codes."""
        if self._column is None:
            return {"columns": [], "format": None, "problems": []}
        read = self._doubt is None
        facts = {
            "columns": list(self._column.columns),
            "format": self._column.formats[0].text if read else None,
            "order": self._column.reason if read else None,
            "zone": _zone_text(self._zone.zone),
            "zone_from": self._zone_from,
            "repeated_hour": self._zone.repeated,
            "repeated_hour_by_order": self._zone.by_order,
            "skipped_hour": self._zone.skipped,
            **self._facts.as_dict(),
        }
        return facts | {"problems": [each for each in self._problems()]}

    def _problems(self) -> list[dict[str, Any]]:
        name = "" if self._column is None else self._column.name
        facts, zone = self._facts, self._zone
        found: list[dict[str, Any]] = []

        def say(code: str, text: str, **params: Any) -> None:
            found.append({"code": code, "params": params, "text": text})

        if self._doubt is not None:
            say(self._doubt.code, self._doubt.text, **self._doubt.params)
        if facts.unreadable:
            example = facts.examples[0]
            say(
                "times_unreadable",
                f"{facts.unreadable} times in '{name}' could not be read; the first is '{example['cell']}'"
                " in row"
                f" {example['row']}. Their samples have the time of the upload",
                column=name,
                count=facts.unreadable,
                **example,
            )
        if facts.backwards:
            say(
                "times_backwards",
                f"times step back {facts.backwards} times, first in row {facts.first_backwards}; samples"
                " keep the"
                " order of the file",
                count=facts.backwards,
                row=facts.first_backwards,
            )
        if zone.skipped:
            say(
                "times_skipped_hour",
                f"{zone.skipped} times lie in an hour that {_zone_text(zone.zone)} skips in spring, so the"
                " logger's"
                " clock does not change with the season. Set time_zone to its offset, for example +01:00",
                count=zone.skipped,
                zone=_zone_text(zone.zone),
            )
        if zone.repeated > zone.by_order and not zone.by_order:
            say(
                "times_repeated_hour",
                f"{zone.repeated} times lie in an hour that occurs twice in autumn, and the file shows one"
                " of them;"
                " they were taken for the first. Export times in UTC to be sure",
                count=zone.repeated,
                zone=_zone_text(zone.zone),
            )
        return found


ISO_TEXTS = frozenset(
    f"%Y-%m-%d{sep}%H:%M{seconds}{zone}" for sep in " T" for seconds in ("", ":%S") for zone in ("", "%z")
)


def _no_date(column: TimeColumn) -> Doubt:
    return Doubt(
        "times_without_date",
        {"columns": list(column.columns)},
        f"the times in '{column.name}' were not read, because they have no date. Add a column with the date",
    )


def _zone_text(zone: ZoneInfo | int) -> str:
    if isinstance(zone, ZoneInfo):
        return str(zone)
    if zone == 0:
        return "UTC"
    minutes = abs(zone) // 60
    return f"{'-' if zone < 0 else '+'}{minutes // 60:02d}:{minutes % 60:02d}"


def check_columns(columns: Sequence[str], table: Mapping[str, Any] | Sequence[str]) -> None:
    """Raise ConfigError if a configured time column is not in the table."""
    absent = [name for name in columns if name not in table]
    if absent:
        raise ConfigError(
            f"time_column '{absent[0]}' is not among the columns of the file", field="time_column"
        )
