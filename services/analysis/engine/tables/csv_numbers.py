"""Columns of a text file as numbers, as Apache Arrow reads them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
from numpy.typing import NDArray

from .sheet import Expected


@lru_cache(8)
def column_names(count: int) -> list[str]:
    return [str(place) for place in range(count)]


@lru_cache(8)
def conversion(count: int, expected: Expected | None, missing: frozenset[str]) -> arrow_csv.ConvertOptions:
    """Return how Arrow is to convert cells: the expected columns to numbers, the others not at all."""
    numbers = frozenset(expected.places) if expected else frozenset()
    types = {name: pa.float64() if int(name) in numbers else pa.string() for name in column_names(count)}
    return arrow_csv.ConvertOptions(
        column_types=types,
        decimal_point=expected.decimal if expected else ".",
        null_values=sorted(missing),
        strings_can_be_null=False,
    )


def finite(columns: Sequence[pa.Array], expected: Expected) -> NDArray[np.float64] | None:
    """Return the expected columns as (rows, places), NaN where null; None if a cell is not finite."""
    values = np.empty((len(columns[0]), len(expected.places)))
    nulls = 0
    for at, place in enumerate(expected.places):
        values[:, at] = columns[place].to_numpy(zero_copy_only=False)
        nulls += columns[place].null_count
    return values if np.count_nonzero(~np.isfinite(values)) == nulls else None
