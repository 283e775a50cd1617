"""Determines the state of a machine, with reasons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..config import EngineConfig
from .readiness import BaselineReport

STATES = OK, DETERIORATING, FAILING = "ok", "deteriorating", "failing"

UNKNOWN = "unknown"
"""The state of a machine of which too much is missing to tell."""

_MISSING = "too many sensors were missing"

CHANCE = 0.05
"""A share of anomalies counts as evidence if chance would produce it in fewer than one run in twenty."""


@dataclass(frozen=True, slots=True)
class Health:
    """`state` is `ok`, `deteriorating`, `failing` or `unknown`; `reasons` are sentences."""

    state: str
    reasons: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the health as JSON-serialisable values."""
        return {"state": self.state, "reasons": list(self.reasons)}


def assess_health(
    anomaly_fraction: float,
    wear: float | None,
    config: EngineConfig,
    *,
    samples: int | None = None,
    baseline: BaselineReport | None = None,
    not_judged: int = 0,
) -> Health:
    """Assess a machine by its share of anomalies (0..1) and its wear in baseline standard deviations.

    The worse of the two decides: the share is compared with `deteriorating_fraction` and `failing_fraction`,
    the wear with `deteriorating_wear` and `failing_wear` (None: there is no wear). Given the number of
    `samples` and the `baseline`'s report, a share that chance could explain does not count: one anomaly among
    twenty samples is 5 %, and healthy machines show as many. Besides the `samples` there are `not_judged`
    ones, of which too much was missing; without any other, the state is not known.
    """
    if not_judged and not samples:
        return Health(UNKNOWN, (f"none of the {not_judged} samples could be judged: {_MISSING}",))
    levels = [0]
    reasons = []
    level = _level(anomaly_fraction, config.deteriorating_fraction, config.failing_fraction)
    limit = (config.deteriorating_fraction, config.deteriorating_fraction, config.failing_fraction)[level]
    relation = "below" if level == 0 else "at or above"
    reason = f"{anomaly_fraction:.1%} of the samples are anomalies, {relation} the limit of {limit:.1%}"
    if level and samples is not None and baseline is not None:
        hits = round(anomaly_fraction * samples)
        supported = _supported_level(hits, samples, baseline, config)
        if supported < level:
            level = supported
            reason += f", but {hits} of {samples} samples are too few to conclude more than '{STATES[level]}'"
    levels.append(level)
    reasons.append(reason)
    if wear is not None:
        level = _level(wear, config.deteriorating_wear, config.failing_wear)
        levels.append(level)
        limit = (config.deteriorating_wear, config.deteriorating_wear, config.failing_wear)[level]
        relation = "below" if level == 0 else "at or above"
        reasons.append(
            f"the latest samples are {wear:.1f} baseline standard deviations away from normal, {relation} "
            f"the limit of {limit:g}"
        )
    if not_judged:
        whole = not_judged + (samples or 0)
        reasons.append(f"{not_judged} of {whole} samples could not be judged: {_MISSING}")
    return Health(STATES[max(levels)], tuple(reasons))


def _supported_level(hits: int, samples: int, baseline: BaselineReport, config: EngineConfig) -> int:
    """Return the worst level that chance does not explain.

    `deteriorating` needs more anomalies than the baseline's own rate would produce by chance, and `failing`
    more than the rate of a deteriorating machine would.
    """
    if chance_beside_baseline(hits, samples, baseline) >= CHANCE:
        return 0
    return 2 if chance_at_rate(hits, samples, config.deteriorating_fraction) < CHANCE else 1


def chance_beside_baseline(hits: int, samples: int, baseline: BaselineReport) -> float:
    """Return the probability of at least `hits` anomalies among samples of a machine like its baseline.

    The baseline's rate is known only as precisely as its independent samples allow, hence the tail of the
    beta-binomial prediction from Jeffreys' prior (Brown, Cai and DasGupta 2001).
    """
    if hits <= 0:
        return 1.0
    from scipy.special import betaln, gammaln  # imported here because SciPy loads slowly

    seen = baseline.effective_samples
    a = baseline.expected_false_alarms * seen + 0.5
    b = (1.0 - baseline.expected_false_alarms) * seen + 0.5
    k = np.arange(hits, samples + 1, dtype=np.float64)
    ways = gammaln(samples + 1.0) - gammaln(k + 1.0) - gammaln(samples - k + 1.0)
    return min(1.0, float(np.exp(ways + betaln(k + a, samples - k + b) - betaln(a, b)).sum()))


def chance_at_rate(hits: int, samples: int, rate: float) -> float:
    """Return the probability of at least `hits` hits among samples with a known rate (binomial tail)."""
    if hits <= 0 or rate >= 1.0:
        return 1.0
    from scipy.special import betainc  # imported here because SciPy loads slowly

    return float(betainc(hits, samples - hits + 1.0, rate))


def _level(value: float, deteriorating: float, failing: float) -> int:
    return 2 if value >= failing else 1 if value >= deteriorating else 0
