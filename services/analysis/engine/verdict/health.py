"""The state of a machine, with reasons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..config import EngineConfig
from .readiness import BaselineReport

STATES = OK, DETERIORATING, FAILING = "ok", "deteriorating", "failing"

CHANCE = 0.05
"""A share of anomalies is evidence when chance alone would bring as many in fewer than one run in twenty."""


@dataclass(frozen=True, slots=True)
class Health:
    """`state` is `ok`, `deteriorating` or `failing`; `reasons` are sentences."""

    state: str
    reasons: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The health as JSON-able values."""
        return {"state": self.state, "reasons": list(self.reasons)}


def assess_health(
    anomaly_fraction: float,
    wear: float | None,
    config: EngineConfig,
    *,
    samples: int | None = None,
    baseline: BaselineReport | None = None,
) -> Health:
    """Judge a machine by its share of anomalies (0..1) and its wear in baseline standard deviations.

    Either alone decides: a share from `deteriorating_fraction` or `failing_fraction`, a wear from
    `deteriorating_wear` or `failing_wear` (None: no ordered samples to measure wear on). With the number of
    `samples` and the `baseline`'s report, a share counts as far as chance does not explain it: one anomaly
    among twenty samples is 5 %, and a sound machine shows as many.
    """
    levels = [0]
    reasons = []
    level = _level(anomaly_fraction, config.deteriorating_fraction, config.failing_fraction)
    limit = (config.deteriorating_fraction, config.deteriorating_fraction, config.failing_fraction)[level]
    relation = "below" if level == 0 else "at or above"
    reason = f"{anomaly_fraction:.1%} of the samples are anomalies, {relation} the limit of {limit:.1%}"
    if level and samples is not None and baseline is not None:
        hits = round(anomaly_fraction * samples)
        borne_out = _borne_out(hits, samples, baseline, config)
        if borne_out < level:
            level = borne_out
            reason += (
                f", but {hits} of {samples} samples are too few to be sure of more than '{STATES[level]}'"
            )
    levels.append(level)
    reasons.append(reason)
    if wear is not None:
        level = _level(wear, config.deteriorating_wear, config.failing_wear)
        levels.append(level)
        limit = (config.deteriorating_wear, config.deteriorating_wear, config.failing_wear)[level]
        relation = "below" if level == 0 else "at or above"
        reasons.append(
            f"the latest samples lie {wear:.1f} baseline standard deviations from normal, {relation} "
            f"the limit of {limit:g}"
        )
    return Health(STATES[max(levels)], tuple(reasons))


def _borne_out(hits: int, samples: int, baseline: BaselineReport, config: EngineConfig) -> int:
    """The worst level that chance does not explain: more anomalies than the baseline's own rate brings for
    `deteriorating`, and more than a deteriorating machine's rate brings for `failing`."""
    if chance_beside_baseline(hits, samples, baseline) >= CHANCE:
        return 0
    return 2 if chance_at_rate(hits, samples, config.deteriorating_fraction) < CHANCE else 1


def chance_beside_baseline(hits: int, samples: int, baseline: BaselineReport) -> float:
    """Probability of at least so many anomalies among so many samples of a machine like its baseline.

    The baseline's rate is known as well as its independent samples tell it: the tail of the beta-binomial
    prediction from Jeffreys' prior (Brown, Cai and DasGupta 2001).
    """
    if hits <= 0:
        return 1.0
    from scipy.special import betaln, gammaln  # late: SciPy takes long to load

    seen = baseline.effective_samples
    a = baseline.expected_false_alarms * seen + 0.5
    b = (1.0 - baseline.expected_false_alarms) * seen + 0.5
    k = np.arange(hits, samples + 1, dtype=np.float64)
    ways = gammaln(samples + 1.0) - gammaln(k + 1.0) - gammaln(samples - k + 1.0)
    return min(1.0, float(np.exp(ways + betaln(k + a, samples - k + b) - betaln(a, b)).sum()))


def chance_at_rate(hits: int, samples: int, rate: float) -> float:
    """Probability of at least so many hits among so many samples at a known rate (binomial tail)."""
    if hits <= 0 or rate >= 1.0:
        return 1.0
    from scipy.special import betainc  # late, as above

    return float(betainc(hits, samples - hits + 1.0, rate))


def _level(value: float, deteriorating: float, failing: float) -> int:
    return 2 if value >= failing else 1 if value >= deteriorating else 0
