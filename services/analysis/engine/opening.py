"""Opens the files of an analysis as samples: as one table, or joined on time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from .config import EngineConfig
from .errors import TableError
from .joining.layout import Long, long_layout
from .joining.table import JoinedTable
from .samples import Samples
from .tables.config import ReadingConfig
from .tables.limits import Limits
from .tables.metadata import texts
from .tables.reading import CHUNK_ROWS, Origin, TableReader, open_tables
from .tables.sheet import Sheet
from .tables.sheets import open_sheets
from .tables.understood import Facts, Understood
from .tables.unpacking import Meter
from .times.finding import TimeColumn
from .times.resolving import TimeSettings, resolve

Source = tuple[Sheet, TimeColumn, Long | None]


class WideTable:
    """Files with one header, in order: what TableReader reads, as samples are taken from it."""

    def __init__(self, reader: TableReader) -> None:
        self._reader = reader
        self.name = reader.names[0]
        self.features = tuple(reader.features)
        self.metadata_columns = tuple(reader.metadata_columns)
        self.absent = tuple(reader.absent)
        header = reader.understood[0].header_line
        self.first_line = 1 if header is None else header + 1
        self.resolved: Mapping[str, Any] | None = None

    @property
    def understood(self) -> list[tuple[str, Understood]]:
        """The name of each table, and how it was read."""
        styles = self._reader.facts.styles
        found = []
        for name, each in zip(self._reader.names, self._reader.understood, strict=True):
            decimal, thousands = styles.get(name, (each.decimal, each.thousands))
            found.append((name, replace(each, decimal=decimal, thousands=thousands)))
        return found

    @property
    def facts(self) -> Facts:
        """What the last pass found."""
        return self._reader.facts

    def __iter__(self) -> Iterator[Any]:
        return iter(self._reader)


def open_samples(
    files: Sequence[tuple[Origin, str]],
    *,
    config: EngineConfig,
    reading: ReadingConfig,
    limits: Limits | None = None,
    training: bool,
    features: Sequence[str] | None = None,
    known_times: Mapping[str, Any] | None = None,
    chunk_rows: int = CHUNK_ROWS,
) -> Samples:
    """Open (origin, name) files as samples. Content determines form and layout.

    `features` are those of the baseline that samples are compared with: columns are found by name, in any
    order. `known_times` is how the baseline's times were read. Raises TableError.
    """
    limits, meter = limits or Limits(), Meter()
    sources = _joined(files, reading, limits, known_times, meter)
    if sources is not None:
        meter.total = 0  # what was looked at to find the times is read again
        joined = JoinedTable(sources, reading, limits, wanted=features, chunk_rows=chunk_rows)
        # Its times are ISO 8601 already, whatever they were in the files.
        plain = replace(reading, time_column=(), time_format=None, time_zone=reading.time_zone)
        return Samples(joined, plain, training=training)
    reader = open_tables(
        files, config=config, reading=reading, limits=limits, chunk_rows=chunk_rows, features=features
    )
    return Samples(WideTable(reader), reading, training=training, known_times=known_times)


def _joined(
    files: Sequence[tuple[Origin, str]],
    reading: ReadingConfig,
    limits: Limits,
    known_times: Mapping[str, Any] | None,
    meter: Meter,
) -> list[Source] | None:
    """Return the tables to join, or None if they are read one after the other."""
    sheets = [
        sheet for origin, name in files for sheet in open_sheets(origin, name, reading, limits, meter=meter)
    ]
    settings = TimeSettings(reading.time_column, reading.time_format, known_times)
    asked = reading.resample is not None or reading.round_times is not None
    different = len({frozenset(sheet.header) for sheet in sheets}) > 1
    if not asked and not different and reading.series_column is None and not any(map(_may_be_long, sheets)):
        return None
    sources: list[tuple[Sheet, TimeColumn | None, Long | None, str]] = []
    for sheet in sheets:
        sample = _sample(sheet)
        column, doubt = resolve(sample, settings, lambda sheet=sheet: _following(sheet))  # type: ignore[misc]
        long = long_layout(sheet.header, sheet.kinds, sample, column, reading, file=sheet.name)
        doubt = doubt or (None if column is None else column.doubt)
        said = "it has no column of times" if doubt is None else doubt.text
        usable = column is not None and doubt is None and column.formats[0].has_date
        sources.append((sheet, column if usable else None, long, said))
    if not (asked or different or any(long is not None for _, _, long, _ in sources)):
        return None
    if not asked and not any(column is not None or long is not None for _, column, long, _ in sources):
        return None  # without times, files follow each other, and must have the same columns
    joined: list[Source] = []
    for sheet, column, long, said in sources:
        if column is None:
            raise TableError(_without_times(said, asked, long), file=sheet.name, code="join_without_times")
        joined.append((sheet, column, long))
    return joined


def _may_be_long(sheet: Sheet) -> bool:
    return sheet.kinds.count("number") <= 2 and "text" in sheet.kinds


def _without_times(said: str, asked: bool, long: Long | None) -> str:
    what = "A long table is" if long else "Samples are" if asked else "Files with different columns are"
    return (
        f"{what} brought to common times, but {said}. Set time_column and time_format, or send another export"
    )


def _sample(sheet: Sheet) -> dict[str, list[str]]:
    return {name: [row[at] for row in sheet.sample] for at, name in enumerate(sheet.header)}


def _following(sheet: Sheet) -> Iterator[dict[str, list[str | None]]]:
    for batch in sheet.batches():
        yield {name: texts(batch, at) for at, name in enumerate(sheet.header)}
