"""Proposes numbers that may stand for "not measured". They are never taken as such without being told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FILLS = (
    *(
        -99.0,
        -999.0,
        -9999.0,
        -99999.0,
        -999999.0,
        999.0,
        9999.0,
        99999.0,
        999999.0,
        9999999.0,
        -7999.0,
        6999.0,
    ),
    *(
        -999.25,
        -999.9,
        -9999.25,
        -99.9,
        -32768.0,
        32767.0,
        65535.0,
        -2147483648.0,
        2147483647.0,
        1e30,
        -1e30,
        1e20,
    ),
    *(9.9e37, -9.9e37, 3.4028234663852886e38, -3.4028234663852886e38, 1e36),
)
"""Marks of loggers (Campbell: -7999, 6999; SCPI: 9.9E37; well logs: -999.25), of 16 and 32 bits, of
float32."""

MARKS = {0.0: 0.0} | {float(np.float32(mark)): mark for mark in FILLS} | {mark: mark for mark in FILLS}
"""The marks by the values that they have in float64 and, from loggers that store float32, in that."""

MIN_DISTANCE = 5.0
"""A mark lies this many times the range of the other values away from them."""


@dataclass(frozen=True, slots=True)
class Fill:
    """A number that occurs in a column and may mean "not measured"."""

    column: str
    value: float
    cells: int


def propose_fills(features: NDArray[np.float64], names: Sequence[str]) -> list[Fill]:
    """Return the numbers in samples (m, d), NaN for missing, that look like marks of missing values.

    A mark is one of `FILLS`, or 0, far outside the range of all other values of its column.
    """
    found = []
    for name, column in zip(names, features.T, strict=True):
        values = column[~np.isnan(column)]
        if not values.size:
            continue
        for value in {float(values.min()), float(values.max()), 0.0}:
            hits = values == value
            rest = values[~hits]
            if value not in MARKS or not hits.any() or rest.size < 2:
                continue
            low, high = float(rest.min()), float(rest.max())
            away = max(low - value, value - high)
            if away > MIN_DISTANCE * (high - low) and away > 0 and high > low:
                found.append(Fill(name, MARKS[value], int(hits.sum())))
    return found
