"""Series of a machine's ratios (distance divided by threshold), downsampled into buckets.

A bucket keeps minimum, maximum and mean, so a peak stays visible at any width, and buckets can be joined to
wider ones without loss: the same rows serve an hour and two years. Picking points instead (largest-triangle)
does neither.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from services.analysis.alerts.domain import AlertRef
from services.analysis.engine import Levels

Floats = NDArray[np.float64]
Times = NDArray[np.int64]
Flags = NDArray[np.bool_]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
SECOND, MINUTE, HOUR, DAY = 10**6, 60 * 10**6, 3600 * 10**6, 24 * 3600 * 10**6
# The buckets of one run: some points per pixel of a screen, and at most about 150 KB on disk.
MAX_RUN_BUCKETS = 4000
NORMAL = "normal"


def _widths() -> tuple[int, ...]:
    """Widths of buckets in microseconds: round ones, of which each hour and each day is a multiple."""
    below = [step * 10**power for power in range(6) for step in (1, 2, 5)]
    within = [step * unit for unit in (SECOND, MINUTE) for step in (1, 2, 5, 10, 15, 30)]
    above = [step * HOUR for step in (1, 2, 3, 6, 12)] + [DAY * 2**power for power in range(24)]
    return (*below, *within, *above)


WIDTHS = _widths()


def microseconds(time: datetime) -> int:
    """Microseconds since 1970."""
    return (time - EPOCH) // MICROSECOND


def moment(time: int) -> datetime:
    """The time at `time` microseconds since 1970."""
    return EPOCH + time * MICROSECOND


@dataclass(frozen=True, slots=True)
class Series:
    """Parallel columns (b,): the first time of buckets in microseconds since 1970, samples and ratios."""

    at: Times
    samples: NDArray[np.int64]
    anomalies: NDArray[np.int64]
    low: Floats
    high: Floats
    mean: Floats


@dataclass(frozen=True, slots=True)
class HourCount:
    """The samples of a run in one hour (microseconds since 1970) of one severity, which may be normal."""

    hour: int
    severity: str
    samples: int
    low: float
    high: float
    total: float


def downsample(times: Times, ratios: Floats, anomalous: Flags, max_buckets: int) -> Series:
    """Group samples (n,) into at most `max_buckets` buckets of one width, the smallest that suffices."""
    order = np.argsort(times, kind="stable")
    times, ratios, anomalous = times[order], ratios[order], anomalous[order]
    starts = _starts(times)
    for width in WIDTHS:
        if starts.size <= max_buckets:
            break
        starts = _starts(times // width)
    counts = np.diff(np.append(starts, times.size))
    low, high = np.minimum.reduceat(ratios, starts), np.maximum.reduceat(ratios, starts)
    return Series(
        at=times[starts],
        samples=counts,
        anomalies=np.add.reduceat(anomalous.astype(np.int64), starts),
        low=low,
        high=high,
        # Rounding must not place the mean outside the bucket.
        mean=np.clip(np.add.reduceat(ratios, starts) / counts, low, high),
    )


def count_hours(times: Times, ratios: Floats, severities: Sequence[str]) -> list[HourCount]:
    """Count samples (n,) per hour and severity."""
    names, codes = np.unique(np.asarray(severities, dtype=np.str_), return_inverse=True)
    hours = times // HOUR
    order = np.lexsort((codes, hours))
    hours, codes, ratios = hours[order], codes[order], ratios[order]
    starts = np.flatnonzero(np.append(True, (np.diff(hours) != 0) | (np.diff(codes) != 0)))
    columns = (
        hours[starts],
        codes[starts],
        np.diff(np.append(starts, hours.size)),
        np.minimum.reduceat(ratios, starts),
        np.maximum.reduceat(ratios, starts),
        np.add.reduceat(ratios, starts),
    )
    return [
        HourCount(hour * HOUR, str(names[code]), samples, low, high, total)
        for hour, code, samples, low, high, total in zip(*(c.tolist() for c in columns), strict=True)
    ]


def _starts(keys: Times) -> NDArray[np.int64]:
    """Where the groups of equal, sorted keys begin; there is at least one key."""
    return np.flatnonzero(np.append(True, np.diff(keys) != 0))


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What remains of a monitoring run. An imported run without threshold has no `series` and no `hours`.

    `levels` (times in microseconds since 1970) tell drift; they are None if the baseline is not known.
    Samples that were not judged count in `samples` alone.
    """

    analysis_id: UUID
    samples: int
    anomalies: int
    max_ratio: float | None
    first_at: datetime
    last_at: datetime
    series: Series | None
    hours: Sequence[HourCount]
    levels: Levels | None = None


@dataclass(frozen=True, slots=True)
class Bucket:
    """`at` is the time of the first sample. Minimum, maximum and mean are ratios of distance to threshold."""

    at: datetime
    samples: int
    anomalies: int
    min: float
    max: float
    mean: float


@dataclass(frozen=True, slots=True)
class RunSegment:
    """A monitoring run on the time axis, from its first sample to its last."""

    analysis_id: UUID
    first_at: datetime
    last_at: datetime
    completed_at: datetime
    samples: int
    anomalies: int
    max_ratio: float | None
    state: str


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at one time: a `baseline` that was completed, or a `failed_run`."""

    kind: str
    at: datetime
    analysis_id: UUID
    text: str | None


@dataclass(frozen=True, slots=True)
class Timeline:
    """`truncated` names the lists of which only the newest entries are here."""

    machine_id: UUID
    since: datetime
    until: datetime
    bucket: timedelta
    buckets: Sequence[Bucket]
    runs: Sequence[RunSegment]
    alerts: Sequence[AlertRef]
    marks: Sequence[Mark]
    truncated: Sequence[str]


def columns(buckets: Sequence[Bucket]) -> dict[str, list[Any]]:
    """The buckets as parallel columns."""
    names = ("at", "samples", "anomalies", "min", "max", "mean")
    return {name: [getattr(bucket, name) for bucket in buckets] for name in names}
