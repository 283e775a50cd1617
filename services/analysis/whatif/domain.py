"""What a run would have found with another threshold."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.analysis.engine import Promise

# Intervals that an answer lists: more than anybody looks at, and few enough to send.
MAX_INTERVALS = 1_000


@dataclass(frozen=True, slots=True)
class ResolvedAlert:
    """A resolved alert during a run: what it turned out to be, and the highest ratio of samples during it."""

    outcome: str
    max_ratio: float | None


@dataclass(frozen=True, slots=True)
class AgainstOutcomes:
    """Alerts during the run that people have judged, and how many of them there would be still."""

    true_alarms: int
    true_alarms_kept: int
    false_alarms: int
    false_alarms_kept: int

    @classmethod
    def of(cls, alerts: Sequence[ResolvedAlert], factor: float) -> "AgainstOutcomes | None":
        """`factor` is the threshold in units of the run's own; None without a judged alert."""
        if not alerts:
            return None
        counts = {outcome: [0, 0] for outcome in ("true_alarm", "false_alarm")}
        for alert in alerts:
            counts[alert.outcome][0] += 1
            counts[alert.outcome][1] += alert.max_ratio is not None and alert.max_ratio > factor
        return cls(*counts["true_alarm"], *counts["false_alarm"])


@dataclass(frozen=True, slots=True)
class WhatIf:
    """`intervals` are successive anomalies as [first, after last), at most `MAX_INTERVALS` of all of them."""

    analysis_id: UUID
    threshold: float
    promised: Promise
    samples: int
    anomaly_count: int
    interval_count: int
    intervals: Sequence[tuple[int, int]]
    against_outcomes: AgainstOutcomes | None
