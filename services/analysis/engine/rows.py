"""Rows of a table of samples: index arrays, and chunks that bound the memory a pass needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

NO_ROWS: Rows = np.empty(0, dtype=np.int64)


CHUNK_VALUES = 4_000_000
"""Values processed at once (32 MB), which bounds the memory needed besides the caller's array."""


class Table(Protocol):
    """Samples (n, d) that are read by rows: an array, or one that is not all in memory."""

    @property
    def shape(self) -> tuple[int, ...]:
        """n and d."""
        ...

    def __getitem__(self, rows: slice | Rows, /) -> Floats:
        """Some of the rows, in increasing order."""
        ...


def row_chunks(n: int, d: int) -> Iterator[slice]:
    """Yield slices that cover n rows of d values, with at most CHUNK_VALUES values each."""
    step = max(1, CHUNK_VALUES // max(1, d))
    return (slice(start, min(n, start + step)) for start in range(0, n, step))
