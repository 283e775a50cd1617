"""Can this baseline be trusted? Answered in words an engineer acts on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..config import EngineConfig
from .threshold import Calibration

Floats = NDArray[np.float64]

READY, USABLE, UNRELIABLE = "ready", "usable", "unreliable"

FEW_PER_FEATURE = 2.0
"""Below two samples per informative feature a covariance is mostly its shrinkage."""

FEW_SAMPLES = 30
"""Below thirty independent samples neither mean nor spread of the distances is known well enough."""

ILL_CONDITIONED = 1e8
"""Above it the smallest direction has lost half of float64's digits."""

MOST_FALSE_ALARMS = 0.05
"""An upper bound above 5 % is the anomaly share at which a machine counts as deteriorating."""

CONFIDENCE = 0.95

REGIME_SEPARATION = 5.0
"""Ashman's D (1994) between two groups; 2 separates peaks, a uniform cloud cut in two reaches 3.5."""

LEAST_REGIME = 0.05
"""Smaller groups are outliers, not a regime."""

DEEPEST_CUT = 3
"""Groups are cut in two so often: up to eight regimes are told apart along an axis."""

MOST_NAMED = 10
"""Outliers that are named in words; the list holds all."""


@dataclass(frozen=True, slots=True)
class BaselineReport:
    """How far a baseline carries; `verdict` is `ready`, `usable` or `unreliable`, `advice` says what to do.

    `effective_samples` allows for neighbours in time resembling each other; `condition` is that of the shrunk
    covariance; `outliers` the 1-based samples that were left out of what was learnt; `regimes` the separate
    groups;
    `expected_false_alarms` the share of the baseline's own samples above the threshold, out of sample, and
    `false_alarms_bound` its 95 % upper confidence bound (Clopper and Pearson 1934).
    """

    verdict: str
    advice: tuple[str, ...]
    samples: int
    features: int
    effective_samples: float
    condition: float
    shrinkage: float
    outliers: tuple[int, ...]
    regimes: int
    expected_false_alarms: float
    false_alarms_bound: float

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON-able values."""
        return {**asdict(self), "advice": list(self.advice), "outliers": list(self.outliers)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The report that `as_dict` described."""
        return cls(**{**values, "advice": tuple(values["advice"]), "outliers": tuple(values["outliers"])})


def assess_baseline(
    used: Calibration,
    feature_space: Calibration,
    coordinates: Floats,
    features: int,
    dropped: int,
    condition: float,
    shrinkage: float,
    config: EngineConfig,
) -> BaselineReport:
    """Judge a fitted baseline: its detector `used`, the feature space, and its map positions (n, 2)."""
    n = coordinates.shape[0]
    kept = np.setdiff1d(np.arange(n), used.outliers)
    distances = used.distances[kept]
    effective = effective_samples(distances)
    share = float((distances > used.threshold).mean())
    bound = upper_bound(share, effective)
    outliers = np.union1d(used.outliers, feature_space.outliers)
    regimes = 1 if outliers.size > LEAST_REGIME * n else count_regimes(coordinates)
    problems, notes = [], []
    if features == 0:
        problems.append(
            "Every feature is constant, so nothing can be learnt: check that the sensors were "
            "connected and the machine was running."
        )
    if effective < FEW_SAMPLES:
        problems.append(
            f"The {n} samples tell as much as {effective:.0f} independent ones; below {FEW_SAMPLES} "
            "the threshold is a guess. Record normal operation for longer, or less often."
        )
    if features > 0 and n < FEW_PER_FEATURE * features:
        notes.append(
            f"{n} samples for {features} informative features: small faults may be missed. About "
            f"{int(np.ceil(FEW_PER_FEATURE * features))} samples of normal operation would do."
        )
    if bound > MOST_FALSE_ALARMS:
        notes.append(
            f"Up to {bound:.1%} of normal samples may be reported as anomalies: add normal samples, "
            "or raise the sensitivity."
        )
    if outliers.size:
        shown = ", ".join(str(row + 1) for row in outliers[:MOST_NAMED])
        more = f" and {outliers.size - MOST_NAMED} more" if outliers.size > MOST_NAMED else ""
        notes.append(
            f"Sample {shown}{more} of this baseline is itself far from normal and was left out of the "
            "threshold: look at it, and upload the baseline without it if it was a fault or badly measured."
        )
    if regimes > 1:
        notes.append(
            f"The baseline falls into {regimes} separate groups (for instance loads or speeds): faults "
            "between them are hard to see. A baseline for each would be sharper."
        )
    if condition > ILL_CONDITIONED:
        notes.append(
            f"Some features are nearly copies of each other (condition {condition:.1e}): drop "
            "duplicated channels."
        )
    if dropped:
        notes.append(
            f"{dropped} constant feature{'s' if dropped > 1 else ''} carried no information and had no part."
        )
    serious = [note for note in notes if "constant feature" not in note]
    verdict = UNRELIABLE if problems else USABLE if serious else READY
    return BaselineReport(
        verdict,
        tuple(problems + notes) or ("Nothing to do: this baseline is sound.",),
        n,
        features,
        effective,
        condition,
        shrinkage,
        tuple(int(row) + 1 for row in outliers),
        regimes,
        share,
        bound,
    )


def effective_samples(series: Floats) -> float:
    """Independent samples a series (n,) is worth: n (1 - r)/(1 + r), r its lag-one autocorrelation >= 0."""
    n = series.size
    centred = series - series.mean()
    power = float((centred**2).sum())
    if n < 3 or power == 0.0:
        return float(n)
    r = min(max(float((centred[1:] * centred[:-1]).sum()) / power, 0.0), 0.99)
    return max(1.0, n * (1.0 - r) / (1.0 + r))


def upper_bound(share: float, samples: float) -> float:
    """95 % upper confidence bound of a share seen in so many independent samples (Clopper and Pearson)."""
    from scipy.special import betaincinv  # late: SciPy takes long to load

    hits = share * samples
    return 1.0 if hits >= samples else float(betaincinv(hits + 1.0, samples - hits, CONFIDENCE))


def count_regimes(coordinates: Floats) -> int:
    """Well separated groups of map positions (n, 2) along an axis of the map; 1 if there is no gap."""
    least = max(2, int(np.ceil(LEAST_REGIME * coordinates.shape[0])))
    most = 1
    for axis in coordinates.T:
        groups = _cut(np.sort(axis), least, DEEPEST_CUT)
        apart = sum(separation(left, right) > REGIME_SEPARATION for left, right in pairwise(groups))
        most = max(most, 1 + apart)
    return most


def _cut(ordered: Floats, least: int, depth: int) -> list[Floats]:
    """Rising values cut where their parts are tightest, and the parts again; neighbours need not be apart."""
    n = ordered.size
    if depth == 0 or n < 2 * least:
        return [ordered]
    left = np.arange(1, n)
    centred = ordered - ordered.mean()
    sums = np.cumsum(centred)[:-1]
    between = sums**2 / (left * (n - left))  # the squares between the parts, up to a factor
    cut = least + int(between[least - 1 : n - least].argmax())
    return [*_cut(ordered[:cut], least, depth - 1), *_cut(ordered[cut:], least, depth - 1)]


def separation(left: Floats, right: Floats) -> float:
    """Ashman's D (1994): the distance of two groups' means over the root of their mean variance."""
    spread = float(np.sqrt((left.var() + right.var()) / 2.0))
    gap = float(right.mean() - left.mean())
    # Two groups of identical samples have no spread: the gap over rounding is separation enough.
    return gap / max(spread, 1e-9) if gap > 1e-6 else 0.0
