"""The signals that rules watch, and observations of them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import TypeAlias

Value: TypeAlias = float | str | bool


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
    """The message that carries a signal."""

    ANOMALY = "anomaly.detected"
    COMPLETED = "analysis.completed"
    FAILED = "analysis.failed"


SOURCES: Mapping[str, Source] = MappingProxyType(
    {
        "anomaly.distance": Source.ANOMALY,
        "anomaly.distance_ratio": Source.ANOMALY,
        "anomaly.severity": Source.ANOMALY,
        "feature.contribution": Source.ANOMALY,
        "anomaly.count": Source.COMPLETED,
        "anomaly.fraction": Source.COMPLETED,
        "health.state": Source.COMPLETED,
        "analysis.failed": Source.FAILED,
    }
)


@dataclass(frozen=True, slots=True)
class Observation:
    """The content of one message: signal values by name, and the share of each feature in the anomaly."""

    source: Source
    values: Mapping[str, Value]
    contributions: Mapping[str, float]
