"""The state of a machine, with reasons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .config import EngineConfig

OK, DETERIORATING, FAILING = "ok", "deteriorating", "failing"


@dataclass(frozen=True, slots=True)
class Health:
    """`state` is `ok`, `deteriorating` or `failing`; `reasons` are sentences."""

    state: str
    reasons: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The health as JSON-able values."""
        return {"state": self.state, "reasons": list(self.reasons)}


def assess_health(anomaly_fraction: float, wear: float | None, config: EngineConfig) -> Health:
    """Judge a machine by its share of anomalies (0..1) and its wear in baseline standard deviations.

    Either alone decides: a share from `deteriorating_fraction` or `failing_fraction`, a wear from
    `deteriorating_wear` or `failing_wear` (None: no ordered samples to measure wear on).
    """
    levels = [0]
    reasons = []
    level = _level(anomaly_fraction, config.deteriorating_fraction, config.failing_fraction)
    levels.append(level)
    limit = (config.deteriorating_fraction, config.deteriorating_fraction, config.failing_fraction)[level]
    relation = "below" if level == 0 else "at or above"
    reasons.append(
        f"{anomaly_fraction:.1%} of the samples are anomalies, {relation} the limit of {limit:.1%}"
    )
    if wear is not None:
        level = _level(wear, config.deteriorating_wear, config.failing_wear)
        levels.append(level)
        limit = (config.deteriorating_wear, config.deteriorating_wear, config.failing_wear)[level]
        relation = "below" if level == 0 else "at or above"
        reasons.append(
            f"the latest samples lie {wear:.1f} baseline standard deviations from normal, {relation} "
            f"the limit of {limit:g}"
        )
    return Health((OK, DETERIORATING, FAILING)[max(levels)], tuple(reasons))


def _level(value: float, deteriorating: float, failing: float) -> int:
    return 2 if value >= failing else 1 if value >= deteriorating else 0
