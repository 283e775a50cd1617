"""Stored results as arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# Of so many samples, an answer may hold places, distances and metadata: some hundred megabytes.
MAX_POINTS = 1_000_000


@dataclass(frozen=True, slots=True)
class PointChunk:
    """Successive samples; `metadata` is the JSON text of a list with one object per sample."""

    first: int
    x: Floats
    y: Floats
    distance: Floats | None
    misfit: Floats | None
    anomaly: Sequence[bool] | None
    metadata: str | None


@dataclass(frozen=True, slots=True)
class RealisedRun:
    """The samples and anomalies of a run that turned out to be normal.

    `reason` is `health_ok`, or `false_alarms` if people called every alert during it a false alarm.
    """

    samples: int
    anomalies: int
    reason: str


@dataclass(frozen=True, slots=True)
class MetadataChunk:
    first: int
    samples: int
    metadata: str | None


@dataclass(frozen=True, slots=True)
class FeatureRows:
    first: int
    features: Floats
    metadata: str | None
