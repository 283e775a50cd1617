"""One table of an upload, whatever its form: columns of cells, in batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .understood import LeftOut, Understood

SAMPLED_ROWS = 50
"""Rows that are looked at to tell what the columns contain."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Successive rows as columns: text (a CSV file's cells before they are numbers) or typed.

    `first_row` is the 0-based index of the first; `locate` gives the row number for error messages (1-based,
    of the line in a text file) of a row, counted within the batch. `text` tells that the cells are a text
    file's, whose types nobody has stated. `numbers` holds the expected columns (rows, places) if all their
    cells are finite, or words that are expected for missing ones: then `words` counts these by column.
    """

    columns: list[pa.Array]
    first_row: int
    locate: Callable[[int], int]
    text: bool = True
    numbers: NDArray[np.float64] | None = None
    words: Mapping[int, Counter[str]] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.columns[0])

    def part(self, start: int, stop: int) -> Batch:
        """Return some of the rows, without what was counted in all."""
        return Batch(
            [column.slice(start, stop - start) for column in self.columns],
            self.first_row + start,
            lambda row: self.locate(start + row),
            self.text,
            None if self.numbers is None else self.numbers[start:stop],
        )


@dataclass(frozen=True, slots=True)
class Expected:
    """Columns of a text file that are expected to be numbers, in order, and their decimal separator.

    `missing` are the spellings of missing values met so far: whoever reads the file adds to it.
    """

    places: tuple[int, ...]
    decimal: str
    missing: set[str] = field(default_factory=set, compare=False)


class Sheet(Protocol):
    """A table whose header has been read. It can be read repeatedly."""

    @property
    def name(self) -> str:
        """Its name, for error messages."""
        ...

    @property
    def header(self) -> tuple[str, ...]:
        """The names of its columns."""
        ...

    @property
    def header_row(self) -> int | None:
        """The line of the header, counted from 1, for error messages."""
        ...

    @property
    def understood(self) -> Understood:
        """How it is read."""
        ...

    @property
    def kinds(self) -> tuple[str, ...]:
        """What the columns contain, by a sample: `number`, `time`, `switch`, `text`, or `empty`."""
        ...

    @property
    def sample(self) -> list[list[str]]:
        """The cells of the first rows, as text."""
        ...

    def batches(
        self, left_out: list[LeftOut] | None = None, expected: Expected | None = None
    ) -> Iterator[Batch]:
        """Yield all rows; what is not read is added to `left_out`. Raises TableError.

        The `expected` columns of a text file are `numbers` in those batches where all their cells are finite,
        or expected words for missing ones.
        """
        ...
