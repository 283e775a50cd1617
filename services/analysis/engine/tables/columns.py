"""Which columns of a table are features and which metadata, and what to suggest if the names do not fit."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..config import EngineConfig
from ..errors import TableError

Value = str | float | int | None

MOST_CELL_CHARACTERS = 100_000
"""A longer metadata cell is a missing quotation mark, not a label."""

WHOLE = re.compile(r"-?(0|[1-9]\d{0,17})")
DECIMAL = re.compile(r"-?(0|[1-9]\d*)\.\d+([eE][+-]\d+)?")
"""What becomes a number in metadata. `007`, `12E4` and `1e5` are labels (part numbers) and stay text."""

MOST_LISTED = 5


@dataclass(frozen=True, slots=True)
class Columns:
    """A table's header (all names in order) and the run of features in it, as indices [start, stop)."""

    header: tuple[str, ...]
    start: int
    stop: int

    @property
    def features(self) -> tuple[str, ...]:
        """Feature names in file order."""
        return self.header[self.start : self.stop]

    @property
    def before(self) -> tuple[str, ...]:
        """Metadata columns before the features."""
        return self.header[: self.start]

    @property
    def after(self) -> tuple[str, ...]:
        """Metadata columns after the features."""
        return self.header[self.stop :]


def checked_header(cells: Sequence[str], file: str, row: int | None) -> tuple[str, ...]:
    """The header's names, stripped; a nameless column is called `column_N`. TableError for a bad header."""
    if all(is_number(cell) for cell in cells):
        raise TableError(
            "the first row holds only numbers: the file needs a header with the columns' names",
            file=file,
            row=row,
        )
    names = tuple(cell.strip() or f"column_{place}" for place, cell in enumerate(cells, start=1))
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise TableError(
                "two columns have this name: rename one of them", file=file, row=row, column=name
            )
        if "\x00" in name:
            raise TableError("a column's name has a NUL character: export the file again", file=file, row=row)
        seen.add(name)
    return names


def select_columns(
    header: tuple[str, ...], numeric: Sequence[bool], config: EngineConfig, file: str, row: int | None
) -> Columns:
    """The columns that the configuration names, in a table with this header.

    `numeric` says for each column whether it seems to hold numbers; it serves the suggestion only. Columns
    between `end_meta` and `start_dim` are metadata too.
    """
    wanted = {"end_meta": config.end_meta, "start_dim": config.start_dim, "end_dim": config.end_dim}
    missing = [f"{field} '{name}'" for field, name in wanted.items() if name and name not in header]
    if missing:
        suggestion = suggest(header, numeric)
        offer = ""
        if suggestion is not None:
            offer = "; the file seems to have " + ", ".join(
                f"{f} = '{name}'" for f, name in suggestion.items()
            )
        raise TableError(
            f"the configured {' and '.join(missing)} is not among the {len(header)} columns{offer}. "
            "Set the names in the configuration",
            file=file,
            row=row,
            column=next(name for name in wanted.values() if name and name not in header),
            suggestion=suggestion,
        )
    start, stop = header.index(config.start_dim), header.index(config.end_dim) + 1
    if stop <= start:
        raise TableError(
            f"start_dim '{config.start_dim}' (column {start + 1}) comes after end_dim "
            f"'{config.end_dim}' (column {stop}): swap them in the configuration",
            file=file,
            row=row,
            column=config.start_dim,
            suggestion=suggest(header, numeric),
        )
    if config.end_meta and header.index(config.end_meta) >= start:
        raise TableError(
            f"end_meta '{config.end_meta}' does not come before start_dim '{config.start_dim}': set the last "
            "metadata column in the configuration",
            file=file,
            row=row,
            column=config.end_meta,
            suggestion=suggest(header, numeric),
        )
    return Columns(header, start, stop)


def suggest(header: Sequence[str], numeric: Sequence[bool]) -> dict[str, str] | None:
    """`end_meta`, `start_dim` and `end_dim` for the longest run of numeric columns; None without one.

    If most of the run's names are numbered (f_0, sensor_12), unnumbered ones at its start (sample, minutes)
    are counters rather than features.
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
    """Whether a cell is a number as both CSV readers understand it (nan and inf are not)."""
    return number(cell) is not None


def number(cell: str) -> float | None:
    """A cell as a finite number, or None. Spaces around it are allowed, `1_0` and foreign digits are not."""
    text = cell.strip(" \t")
    if not text.isascii() or "_" in text or text != text.strip():
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def metadata_value(cell: str) -> Value:
    """A metadata cell as a number if it is plainly one, None if it is empty, else the text as it stands.

    Raises ValueError with the reason for text that cannot be stored.
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
        raise ValueError("the cell has a NUL character: export the file again")
    if len(cell) > MOST_CELL_CHARACTERS:
        raise ValueError(f"the cell has {len(cell)} characters: is a quotation mark missing?")
    return cell


def check_same_features(features: Sequence[str], baseline: Sequence[str], *, file: str) -> None:
    """Raise TableError naming the first difference if a file's features are not its baseline's, in order."""
    _compare(
        features, baseline, file, "feature", "the baseline", "use the columns of the baseline, in its order"
    )


def check_same_header(header: Sequence[str], first: Sequence[str], *, file: str, first_file: str) -> None:
    """Raise TableError naming the first difference if files that are to be merged have different headers."""
    _compare(header, first, file, "column", f"file '{first_file}'", "files of one upload need one header")


def _compare(
    found: Sequence[str], expected: Sequence[str], file: str, what: str, other: str, advice: str
) -> None:
    for place, (mine, theirs) in enumerate(zip(found, expected, strict=False), start=1):
        if mine != theirs:
            raise TableError(
                f"{what} {place} is '{mine}' here and '{theirs}' in {other}: {advice}", file=file, column=mine
            )
    if len(found) != len(expected):
        extra = (found if len(found) > len(expected) else expected)[min(len(found), len(expected))]
        raise TableError(
            f"the file has {len(found)} {what}s and {other} {len(expected)}; the first one without a "
            f"counterpart is '{extra}': {advice}",
            file=file,
            column=extra,
        )
