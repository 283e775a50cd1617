"""The condition language of alert rules: what it holds, and whether an observation fulfils it. All pure.

A node is `{"all": [...]}`, `{"any": [...]}`, `{"not": {...}}` or a leaf `{signal, op, value, feature?}`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Any, TypeAlias

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
    """The message that brings a signal; a condition draws on one of them."""

    ANOMALY = "anomaly.detected"
    COMPLETED = "analysis.completed"
    FAILED = "analysis.failed"


class Kind(StrEnum):
    """What a signal's values are, which decides the operators that make sense."""

    NUMBER = "number"
    LEVEL = "severity"
    STATE = "state"
    FLAG = "flag"


class Op(StrEnum):
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    EQ = "eq"
    NE = "ne"
    IN = "in"
    WITHIN = "within"
    OUTSIDE = "outside"


_ORDER = (Op.GT, Op.GTE, Op.LT, Op.LTE)
OPS: Mapping[Kind, tuple[Op, ...]] = MappingProxyType(
    {
        Kind.NUMBER: tuple(Op),
        Kind.LEVEL: (*_ORDER, Op.EQ, Op.NE, Op.IN),
        Kind.STATE: (Op.EQ, Op.NE, Op.IN),
        Kind.FLAG: (Op.EQ, Op.NE),
    }
)


@dataclass(frozen=True, slots=True)
class Signal:
    """`labels` are the values of a signal that is no number and no flag."""

    source: Source
    kind: Kind
    labels: tuple[str, ...] = ()


FEATURE_SIGNAL = "feature.contribution"
HEALTH_STATES = ("ok", "deteriorating", "failing", "unknown")
SIGNALS: Mapping[str, Signal] = MappingProxyType(
    {
        "anomaly.distance": Signal(Source.ANOMALY, Kind.NUMBER),
        "anomaly.distance_ratio": Signal(Source.ANOMALY, Kind.NUMBER),
        "anomaly.severity": Signal(Source.ANOMALY, Kind.LEVEL, tuple(s.label for s in Severity)),
        # The feature's share of the anomaly, 0 to 1; 0 when the explanation does not name the feature.
        FEATURE_SIGNAL: Signal(Source.ANOMALY, Kind.NUMBER),
        # Of one monitoring run.
        "anomaly.count": Signal(Source.COMPLETED, Kind.NUMBER),
        "anomaly.fraction": Signal(Source.COMPLETED, Kind.NUMBER),
        "health.state": Signal(Source.COMPLETED, Kind.STATE, HEALTH_STATES),
        "analysis.failed": Signal(Source.FAILED, Kind.FLAG),
    }
)


@dataclass(frozen=True, slots=True)
class Observation:
    """What one message says: signal values by name, and each named feature's share of the anomaly."""

    source: Source
    values: Mapping[str, Value]
    contributions: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Leaf:
    """`value` is comparable as it is: numbers, severity ranks, labels, or a tuple of them for list ops."""

    signal: str
    op: Op
    value: Value | tuple[Value, ...]
    feature: str | None = None

    def holds(self, observation: Observation) -> bool:
        observed = (
            observation.contributions.get(self.feature, 0.0)
            if self.feature is not None
            else observation.values.get(self.signal)
        )
        return observed is not None and COMPARE[self.op](observed, self.value)


@dataclass(frozen=True, slots=True)
class AllOf:
    nodes: tuple["Node", ...]

    def holds(self, observation: Observation) -> bool:
        return all(node.holds(observation) for node in self.nodes)


@dataclass(frozen=True, slots=True)
class AnyOf:
    nodes: tuple["Node", ...]

    def holds(self, observation: Observation) -> bool:
        return any(node.holds(observation) for node in self.nodes)


@dataclass(frozen=True, slots=True)
class Not:
    node: "Node"

    def holds(self, observation: Observation) -> bool:
        return not self.node.holds(observation)


Node: TypeAlias = Leaf | AllOf | AnyOf | Not

COMPARE: Mapping[Op, Callable[[Any, Any], bool]] = MappingProxyType(
    {
        Op.GT: lambda observed, value: observed > value,
        Op.GTE: lambda observed, value: observed >= value,
        Op.LT: lambda observed, value: observed < value,
        Op.LTE: lambda observed, value: observed <= value,
        Op.EQ: lambda observed, value: observed == value,
        Op.NE: lambda observed, value: observed != value,
        Op.IN: lambda observed, value: observed in value,
        Op.WITHIN: lambda observed, value: value[0] <= observed <= value[1],
        Op.OUTSIDE: lambda observed, value: not value[0] <= observed <= value[1],
    }
)


@dataclass(frozen=True, slots=True)
class SeverityStep:
    """The level holds when `when` does, or always when there is none."""

    level: Severity
    when: Node | None


@dataclass(frozen=True, slots=True)
class Condition:
    """A saved rule's condition. `reopen_within`: a resolved alert this young is opened again, not doubled."""

    source: Source
    when: Node
    severity: tuple[SeverityStep, ...] = ()
    reopen_within: timedelta | None = None

    def judge(self, observation: Observation, default: Severity) -> Severity | None:
        """How severe the observation is under this condition; None when it is not fulfilled.

        The highest step that holds decides; `default`, the rule's own severity, when none does.
        """
        if observation.source is not self.source or not self.when.holds(observation):
            return None
        levels = [step.level for step in self.severity if step.when is None or step.when.holds(observation)]
        return max(levels, default=default)
