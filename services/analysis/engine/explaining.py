"""Explains samples, or the moving averages that alarmed, in feature space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .detectors import FeatureMahalanobis
from .rows import row_chunks
from .scaling import Scaling
from .verdict.explanation import Explanation, Space, explain

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Explainer:
    """Explains samples by the detector `space`, whose distance has the `limit`, and averages by `averaged`.

    `weight` is the weight of the newest sample in the moving average.
    """

    features: tuple[str, ...]
    scaling: Scaling
    space: FeatureMahalanobis
    averaged: FeatureMahalanobis | None
    weight: float
    limit: float

    def explain(
        self,
        samples: Floats,
        top: int,
        causes: Sequence[str],
        averages: Floats | None,
        smoothed: NDArray[np.bool_],
    ) -> list[Explanation]:
        """Explain samples (k, d) by at most `top` features; the `smoothed` (k,) by their averages (k, d)."""
        if averages is None or self.averaged is None:
            averages, smoothed = None, np.zeros_like(smoothed)
        found: list[Explanation | None] = [None] * len(causes)
        for some, used in ((smoothed, averages), (~smoothed, None)):
            for part in row_chunks(int(some.sum()), len(self.features)):
                rows = np.flatnonzero(some)[part]
                explained = self._explain(samples[rows], top, used[rows] if used is not None else None)
                for row, explanation in zip(rows.tolist(), explained, strict=True):
                    found[row] = replace(explanation, cause=str(causes[row]))
        return [explanation for explanation in found if explanation is not None]

    def _explain(self, samples: Floats, top: int, averages: Floats | None) -> list[Explanation]:
        if averages is None or self.averaged is None:
            z, space = self.scaling.standardise(samples), Space(self.space, self.limit)
            return explain(samples, z, self.features, self.scaling, space, top)
        # Averages are standardised by what they vary less than single samples.
        space = Space(self.averaged, self.limit, float(np.sqrt(self.weight / (2.0 - self.weight))))
        average = self.scaling.mean + space.unit * averages * self.scaling.std
        observed = np.where(self.scaling.dropped | np.isnan(samples), samples, average)
        return explain(observed, averages, self.features, self.scaling, space, top)
