"""Packs the points of an analysis as columns of numbers, which a browser reads without parsing.

Little-endian: two 32-bit counters (samples, 0), then a column after the other: time (64-bit float,
seconds since 1970), x, y, ratio of distance to threshold (32-bit floats), and mark (a byte: 0 normal to 4
critical). What is unknown is NaN.
"""

import math
import struct
import sys
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

NAN = math.nan
MICROSECOND = 1e-6
# The API's default, for runs that were judged before their results said so.
DEFAULT_BANDS = (1.5, 2.0, 3.0)


def packed(
    points: Mapping[str, Any],
    *,
    threshold: float | None,
    bands: Sequence[float],
    time_column: str | None,
    uploaded_at: datetime,
) -> bytes:
    """The columns of GET /analyses/{id}/points as bytes.

    A sample without a time of its own has that of the upload plus a microsecond per sample, as everywhere.
    """
    index: Sequence[int] = points["index"]
    scale = threshold or NAN
    ratios = array("f", (NAN if distance is None else distance / scale for distance in points["distance"]))
    base = uploaded_at.timestamp()
    times = array(
        "d",
        (
            time_of(each, time_column, base + i * MICROSECOND)
            for i, each in zip(index, points["metadata"], strict=True)
        ),
    )
    floats = [times, _floats(points["x"]), _floats(points["y"]), ratios]
    if sys.byteorder == "big":
        for column in floats:
            column.byteswap()
    return b"".join(
        [
            struct.pack("<II", len(index), 0),
            *(column.tobytes() for column in floats),
            marks_of(points, threshold, bands),
        ]
    )


def marks_of(points: Mapping[str, Any], threshold: float | None, bands: Sequence[float]) -> bytes:
    """A byte per sample: 0 normal, 1 low, 2 medium, 3 high, 4 critical."""
    scale = threshold or NAN
    return bytes(
        0 if not flag else 1 + bisect_right(bands, (distance or 0.0) / scale)
        for flag, distance in zip(points["anomaly"], points["distance"], strict=True)
    )


def time_of(metadata: Mapping[str, Any] | None, column: str | None, otherwise: float) -> float:
    """The time of a sample in seconds since 1970, from the ISO 8601 text of its time column."""
    text = (metadata or {}).get(column) if column else None
    if not isinstance(text, str):
        return otherwise
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        return otherwise
    return (time.replace(tzinfo=UTC) if time.tzinfo is None else time).timestamp()


def time_column(results: Mapping[str, Any] | None) -> str | None:
    """The metadata column with the samples' times, from the results of an analysis."""
    time = ((results or {}).get("reading") or {}).get("time") or {}
    columns = time.get("columns") or ()
    return str(columns[0]) if columns and time.get("format") else None


def severity_bands(results: Mapping[str, Any] | None) -> Sequence[float]:
    """The ratios from which an anomaly is medium, high and critical."""
    return ((results or {}).get("settings") or {}).get("severity_bands") or DEFAULT_BANDS


def _floats(values: Iterable[float | None]) -> "array[float]":
    return array("f", (NAN if value is None else value for value in values))
