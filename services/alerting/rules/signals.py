"""The signals that rules watch, and what brings them. Pure."""

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from types import MappingProxyType


class Severity(IntEnum):
    """Levels of severity, in ascending order."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    @classmethod
    def parse(cls, label: str) -> "Severity":
        """Raises KeyError on an unknown label."""
        return cls[label.upper()]

    @property
    def label(self) -> str:
        return self.name.lower()


class Source(StrEnum):
    """What brings a signal: each sample, the end of a run, a failed analysis, or the passing of time."""

    SAMPLES = "samples"
    RUN = "run"
    FAILURE = "failure"
    TIME = "time"


SOURCES: Mapping[str, Source] = MappingProxyType(
    {
        "anomaly.distance": Source.SAMPLES,
        "anomaly.distance_ratio": Source.SAMPLES,
        "anomaly.severity": Source.SAMPLES,
        "feature.contribution": Source.SAMPLES,
        "quality.missing": Source.SAMPLES,
        # Of a run; with a window, of the samples in it.
        "anomaly.count": Source.RUN,
        "anomaly.fraction": Source.RUN,
        "wear.distance": Source.RUN,
        "wear.slope": Source.RUN,
        "health.state": Source.RUN,
        "analysis.failed": Source.FAILURE,
        "data.age": Source.TIME,
    }
)
# States as numbers, so that all signals are columns of numbers.
HEALTH_STATES = ("ok", "deteriorating", "failing", "unknown")
