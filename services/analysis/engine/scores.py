"""The verdict on scored samples, and its summary for the results of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .verdict.sequence import SequenceState

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scores:
    """The verdict on m samples; every array has the shape (m,).

    `x` and `y` are map positions; `misfit` is the placement residual, the remaining cost per reference;
    `distance` comes from the detector, and `ratio` is distance over threshold; `anomaly` tells whether the
    ratio exceeds 1; `severity` is `normal`, `low`, `medium`, `high` or `critical`; `cause` is the statistic
    with the largest share of its limit, which alarms if any does; `coarser` are the features whose values
    have fewer decimal places than in the baseline; `state` continues the sequence in the next chunk. Samples
    of which too much is missing are `not_judged`: their numbers are NaN, they have no cause, and they are
    neither normal nor anomalies.
    """

    x: Floats
    y: Floats
    misfit: Floats
    distance: Floats
    ratio: Floats
    anomaly: NDArray[np.bool_]
    severity: NDArray[np.str_]
    cause: NDArray[np.str_]
    threshold: float
    coarser: tuple[str, ...]
    state: SequenceState

    @property
    def summary(self) -> ScoreSummary:
        """The samples' contribution to the results of the run."""
        judged = self.distance[~np.isnan(self.distance)]
        names, counts = np.unique(self.cause[self.anomaly], return_counts=True)
        return ScoreSummary(
            self.x.size,
            int(self.anomaly.sum()),
            float(judged.max(initial=0.0)),
            self.threshold,
            self.x.size - judged.size,
            dict(zip(names.tolist(), counts.tolist(), strict=True)),
            self.coarser,
        )


@dataclass(frozen=True, slots=True)
class ScoreSummary:
    """Counts over scored samples; the summaries of chunks can be merged in any order.

    `causes` counts the anomalies by the statistic that alarmed. `coarser` are the features whose values have
    fewer decimal places than in the baseline, in this chunk and those before it.
    """

    samples: int
    anomaly_count: int
    max_distance: float
    threshold: float
    not_judged: int = 0
    causes: Mapping[str, int] = field(default_factory=dict)
    coarser: tuple[str, ...] = ()

    @property
    def judged(self) -> int:
        """The samples of which enough was there."""
        return self.samples - self.not_judged

    @property
    def anomaly_fraction(self) -> float:
        """The share (0..1) of anomalies among the judged samples."""
        return self.anomaly_count / self.judged if self.judged else 0.0

    @classmethod
    def merge(cls, parts: Iterable[ScoreSummary]) -> Self:
        """Return the summary of all parts together; there must be at least one."""
        summaries = list(parts)
        causes: Counter[str] = Counter()
        for part in summaries:
            causes.update(part.causes)
        with_samples = [part for part in summaries if part.samples] or summaries
        coarser = set.intersection(*(set(part.coarser) for part in with_samples))
        return cls(
            sum(part.samples for part in summaries),
            sum(part.anomaly_count for part in summaries),
            max(part.max_distance for part in summaries),
            summaries[0].threshold,
            sum(part.not_judged for part in summaries),
            dict(sorted(causes.items())),
            tuple(name for name in with_samples[0].coarser if name in coarser),
        )

    def results(self) -> dict[str, Any]:
        """Return `analyses.results` of a monitoring run, without the machine's health."""
        return {
            "samples": self.samples,
            "not_judged": self.not_judged,
            "anomaly_count": self.anomaly_count,
            "anomaly_fraction": self.anomaly_fraction,
            "max_distance": self.max_distance if self.judged else None,
            "threshold": self.threshold,
            "causes": dict(self.causes),
            "coarser_features": list(self.coarser),
        }
