"""The signals that rules watch, and what one message of the analysis service says of them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import TypeAlias

Value: TypeAlias = float | str | bool


class Severity(IntEnum):
    """How bad; a higher one outranks a lower one."""

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
    """What one message says: signal values by name, and each named feature's share of the anomaly."""

    source: Source
    values: Mapping[str, Value]
    contributions: Mapping[str, float]
