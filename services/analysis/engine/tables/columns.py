"""Separates a table's feature columns from its metadata, and suggests settings if the names do not match."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..config import EngineConfig
from ..errors import TableError

Value = str | float | int | None

MAX_CELL_CHARACTERS = 100_000
"""A longer metadata cell is not a label, but the result of a missing quotation mark."""

WHOLE = re.compile(r"-?(0|[1-9]\d{0,17})")
DECIMAL = re.compile(r"-?(0|[1-9]\d*)\.\d+([eE][+-]\d+)?")
"""Metadata cells that become numbers. `007`, `12E4` and `1e5` are labels (part numbers) and remain text."""


@dataclass(frozen=True, slots=True)
class Columns:
    """A table's header (all names in order) and the range of its features, as indices [start, stop)."""

    header: tuple[str, ...]
    start: int
    stop: int

    @property
    def features(self) -> tuple[str, ...]:
        """Feature names in file order."""
        return self.header[self.start : self.stop]

    @property
    def before(self) -> tuple[str, ...]:
        """The metadata columns before the features."""
        return self.header[: self.start]

    @property
    def after(self) -> tuple[str, ...]:
        """The metadata columns after the features."""
        return self.header[self.stop :]


def checked_header(cells: Sequence[str], file: str, row: int | None) -> tuple[str, ...]:
    """Return the header's names, stripped; a column without a name becomes `column_N`. Raises TableError."""
    if all(is_number(cell) for cell in cells):
        raise TableError(
            "the first row contains only numbers. The file needs a header row with column names",
            file=file,
            row=row,
        )
    names = tuple(cell.strip() or f"column_{place}" for place, cell in enumerate(cells, start=1))
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise TableError(
                "two columns have this name. Rename one of them", file=file, row=row, column=name
            )
        if "\x00" in name:
            raise TableError(
                "a column name contains a NUL character. Export the file again", file=file, row=row
            )
        seen.add(name)
    return names


def select_columns(
    header: tuple[str, ...], numeric: Sequence[bool], config: EngineConfig, file: str, row: int | None
) -> Columns:
    """Return the columns that the configuration selects from a table with this header. Raises TableError.

    `numeric` tells for each column whether it seems to contain numbers; only the suggestion uses it. Columns
    between `end_meta` and `start_dim` are metadata, too.
    """
    wanted = {"end_meta": config.end_meta, "start_dim": config.start_dim, "end_dim": config.end_dim}
    missing = [f"{field} '{name}'" for field, name in wanted.items() if name and name not in header]
    if missing:
        suggestion = suggest(header, numeric)
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
            column=next(name for name in wanted.values() if name and name not in header),
            suggestion=suggestion,
        )
    start, stop = header.index(config.start_dim), header.index(config.end_dim) + 1
    if stop <= start:
        raise TableError(
            f"start_dim '{config.start_dim}' (column {start + 1}) comes after end_dim "
            f"'{config.end_dim}' (column {stop}). Swap them in the configuration",
            file=file,
            row=row,
            column=config.start_dim,
            suggestion=suggest(header, numeric),
        )
    if config.end_meta and header.index(config.end_meta) >= start:
        raise TableError(
            f"end_meta '{config.end_meta}' does not come before start_dim '{config.start_dim}'. Correct the "
            "last metadata column in the configuration",
            file=file,
            row=row,
            column=config.end_meta,
            suggestion=suggest(header, numeric),
        )
    return Columns(header, start, stop)


def suggest(header: Sequence[str], numeric: Sequence[bool]) -> dict[str, str] | None:
    """Suggest `end_meta`, `start_dim` and `end_dim` for the longest run of numeric columns, if there is one.

    If most names in the run are numbered (f_0, sensor_12), names without a number at its start (sample,
    minutes) are taken for counters and not for features.
    """
    best, start = (0, 0), None
    for place, is_numeric in enumerate([*numeric, False]):
        if is_numeric and start is None:
            start = place
        elif not is_numeric and start is not None:
            if place - start > best[1] - best[0]:
                best = (start, place)
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


def is_number(cell: str) -> bool:
    """Tell whether both CSV readers accept a cell as a number (nan and inf are not numbers)."""
    return number(cell) is not None


def number(cell: str) -> float | None:
    """Return a cell as a finite number, or None. Padding is allowed, `1_0` and non-ASCII digits are not."""
    text = cell.strip(" \t")
    if not text.isascii() or "_" in text or text != text.strip():
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def metadata_value(cell: str) -> Value:
    """Return a metadata cell as a number if it clearly is one, None if it is empty, and its text otherwise.

    Raises ValueError with the reason if the text cannot be stored.
    """
    if not cell:
        return None
    if WHOLE.fullmatch(cell):
        return int(cell)
    if DECIMAL.fullmatch(cell):
        value = float(cell)
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
            )
    if len(found) != len(expected):
        extra = (found if len(found) > len(expected) else expected)[min(len(found), len(expected))]
        raise TableError(
            f"the file has {len(found)} {what}s, but {other} has {len(expected)}. The first one without a "
            f"counterpart is '{extra}'. {advice}",
            file=file,
            column=extra,
        )
