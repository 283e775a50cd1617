"""Separates a table's feature columns from its metadata, and suggests settings if the names do not match."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from ..config import EngineConfig
from ..errors import TableError

Value = str | float | int | None

MAX_CELL_CHARACTERS = 100_000
"""A longer metadata cell is not a label, but the result of a missing quotation mark."""

WHOLE = re.compile(r"-?(0|[1-9]\d{0,17})", re.ASCII)
DECIMALS = {
    mark: re.compile(rf"-?(0|[1-9]\d*){re.escape(mark)}\d+([eE][+-]\d+)?", re.ASCII) for mark in (".", ",")
}
"""Metadata cells that become numbers. `007`, `12E4` and `1e5` are labels (part numbers) and remain text."""


@dataclass(frozen=True, slots=True)
class Columns:
    """A table's header (all names in order), its features in order, and where in the header they are.

    A feature whose place is None is missing from the table. What is no feature is metadata.
    """

    header: tuple[str, ...]
    features: tuple[str, ...]
    places: tuple[int | None, ...]

    @classmethod
    def between(cls, header: tuple[str, ...], start: int, stop: int) -> Self:
        """Return the columns of a table whose features are those at [start, stop)."""
        return cls(header, header[start:stop], tuple(range(start, stop)))

    @property
    def metadata_places(self) -> tuple[int, ...]:
        """Where the metadata are."""
        taken = set(self.places)
        return tuple(place for place in range(len(self.header)) if place not in taken)

    @property
    def before(self) -> tuple[str, ...]:
        """The metadata columns before the first feature."""
        first = min((place for place in self.places if place is not None), default=len(self.header))
        return tuple(self.header[place] for place in self.metadata_places if place < first)

    @property
    def after(self) -> tuple[str, ...]:
        """The metadata columns among and after the features."""
        return tuple(self.header[place] for place in self.metadata_places)[len(self.before) :]


def checked_header(cells: Sequence[str], file: str, row: int | None) -> tuple[str, ...]:
    """Return the header's names, stripped; a column without a name becomes `column_N`. Raises TableError."""
    names = tuple(cell.strip() or f"column_{place}" for place, cell in enumerate(cells, start=1))
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise TableError(
                "two columns have this name. Rename one of them",
                file=file,
                row=row,
                column=name,
                code="duplicate_column",
            )
        if "\x00" in name:
            raise TableError(
                "a column name contains a NUL character. Export the file again",
                file=file,
                row=row,
                code="bad_column_name",
            )
        seen.add(name)
    return names


def select_columns(
    header: tuple[str, ...], kinds: Sequence[str], config: EngineConfig, file: str, row: int | None
) -> Columns:
    """Return the columns that the configuration selects from a table with this header. Raises TableError.

    `kinds` tells what each column seems to contain (`Sheet.kinds`); only the suggestion uses it. Columns
    between
    `end_meta` and `start_dim` are metadata, too.
    """
    wanted = {"end_meta": config.end_meta, "start_dim": config.start_dim, "end_dim": config.end_dim}
    absent = {field: name for field, name in wanted.items() if name and name not in header}
    if absent:
        missing = [f"{field} '{name}'" for field, name in absent.items()]
        suggestion = suggest(header, kinds)
        offer = ""
        if suggestion is not None:
            detected = ", ".join(f"{f} = '{name}'" for f, name in suggestion.items())
            offer = f" The settings for this file appear to be {detected}."
        verb = "is" if len(missing) == 1 else "are"
        raise TableError(
            f"the configured {' and '.join(missing)} {verb} not among the {len(header)} columns.{offer} "
            "Correct the column names in the configuration",
            file=file,
            row=row,
            column=next(iter(absent.values())),
            suggestion=suggestion,
            code="columns_not_found",
            params={"missing": absent, "columns": list(absent.values())},
        )
    start, stop = header.index(config.start_dim), header.index(config.end_dim) + 1
    if stop <= start:
        raise TableError(
            f"start_dim '{config.start_dim}' (column {start + 1}) comes after end_dim "
            f"'{config.end_dim}' (column {stop}). Swap them in the configuration",
            file=file,
            row=row,
            column=config.start_dim,
            code="columns_out_of_order",
            params={"first": config.end_dim, "second": config.start_dim},
            suggestion=suggest(header, kinds),
        )
    if config.end_meta and header.index(config.end_meta) >= start:
        raise TableError(
            f"end_meta '{config.end_meta}' does not come before start_dim '{config.start_dim}'. Correct the "
            "last metadata column in the configuration",
            file=file,
            row=row,
            column=config.end_meta,
            code="columns_out_of_order",
            params={"first": config.start_dim, "second": config.end_meta},
            suggestion=suggest(header, kinds),
        )
    return Columns.between(header, start, stop)


LABEL = re.compile(
    r"(?:.*[\W_])?(?:label|class|target|rul|faulty?|failures?|failed|anomal(?:y|ies|ous)|attack|att_flag|outlier|"
    r"broken|alarm|event|status|state|mode|changepoint|machine_status|normal/attack)(?:[\W_].*)?",
    re.IGNORECASE,
)
"""Names of columns that say what is known of a sample, and not what was measured."""

COUNTER = re.compile(
    r"(?:unnamed: ?\d+|column_1|index|idx|id|uid|no\.?|nr\.?|number|row|sample|record|recnbr|"
    r"cycle|unit|run|ts|t_?stamp|"
    r"(?:.*[\W_])?(?:time|date|datetime|timestamp|epoch|zeit|datum|uhrzeit|zeitstempel)(?:[\W_].*)?|__index_level_\d+__)",
    re.IGNORECASE,
)
"""Names of columns that count or date the samples."""


def suggest(header: Sequence[str], kinds: Sequence[str]) -> dict[str, str] | None:
    """Suggest `end_meta`, `start_dim` and `end_dim` for the longest run of measured columns, if there is one.

    Columns that hold mostly numbers are measured, and so are empty ones and switches among them; those named
    like labels and counters are not. If most names in the run are numbered (f_0, sensor_12), names without a
    number at its start (minutes) are taken for counters and not for features.
    """
    best, start = (0, 0), None
    for place, kind in enumerate([*kinds, "text"]):
        inside = kind == "number" or (start is not None and kind in ("empty", "switch"))
        inside = inside and not LABEL.fullmatch(header[place]) and not COUNTER.fullmatch(header[place])
        if inside and start is None:
            start = place
        elif not inside and start is not None:
            stop = place
            while kinds[stop - 1] != "number":
                stop -= 1
            if stop - start > best[1] - best[0]:
                best = (start, stop)
            start = None
    first, stop = best
    if first == stop:
        return None
    numbered = [bool(re.search(r"\d\s*$", name)) for name in header[first:stop]]
    if 2 * sum(numbered) > len(numbered):
        first += numbered.index(True)
    return {
        "end_meta": header[first - 1] if first else "",
        "start_dim": header[first],
        "end_dim": header[stop - 1],
    }


def named_columns(header: tuple[str, ...], features: Sequence[str]) -> Columns:
    """Return the columns of a table whose features have given names; those it lacks are missing."""
    places = {name: place for place, name in enumerate(header)}
    return Columns(header, tuple(features), tuple(places.get(name) for name in features))


def metadata_value(cell: str, decimal: str = ".") -> Value:
    """Return a metadata cell as a number if it clearly is one, None if it is empty, and its text otherwise.

    `decimal` is the file's decimal separator. Raises ValueError with the reason if the text cannot be stored.
    """
    if not cell:
        return None
    if WHOLE.fullmatch(cell):
        return int(cell)
    if DECIMALS[decimal].fullmatch(cell):
        value = float(cell.replace(decimal, "."))
        if math.isfinite(value):
            return value
    if "\x00" in cell:
        raise ValueError("the cell contains a NUL character. Export the file again")
    if len(cell) > MAX_CELL_CHARACTERS:
        raise ValueError(
            f"the cell has {len(cell)} characters, but at most {MAX_CELL_CHARACTERS} are allowed. Check for a"
            " missing quotation mark"
        )
    return cell


def check_same_features(features: Sequence[str], baseline: Sequence[str], *, file: str) -> None:
    """Raise TableError naming the first difference if a file's features differ from its baseline's."""
    advice = "Use the same columns as the baseline, in the same order"
    _compare(features, baseline, file, "feature", "the baseline", advice)


def check_same_header(header: Sequence[str], first: Sequence[str], *, file: str, first_file: str) -> None:
    """Raise TableError naming the first difference if the headers of files to be merged differ."""
    advice = "All files of an upload must have the same header"
    _compare(header, first, file, "column", f"file '{first_file}'", advice)


def _compare(
    found: Sequence[str], expected: Sequence[str], file: str, what: str, other: str, advice: str
) -> None:
    for place, (mine, theirs) in enumerate(zip(found, expected, strict=False), start=1):
        if mine != theirs:
            raise TableError(
                f"{what} {place} is '{mine}' here, but '{theirs}' in {other}. {advice}",
                file=file,
                column=mine,
                code="different_columns",
                params={"place": place, "found": mine, "expected": theirs, "column": mine},
            )
    if len(found) != len(expected):
        extra = (found if len(found) > len(expected) else expected)[min(len(found), len(expected))]
        raise TableError(
            f"the file has {len(found)} {what}s, but {other} has {len(expected)}. The first one without a "
            f"counterpart is '{extra}'. {advice}",
            file=file,
            column=extra,
            code="different_columns",
            params={"found": len(found), "expected": len(expected), "column": extra},
        )
