"""The leaves of a condition: how each signal is compared with which values."""

import operator
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import Discriminator, Field, StrictBool, Tag, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from services.alerting.rules.compiled import Predicate
from services.alerting.rules.documents import Document, NotEvaluated
from services.alerting.rules.signals import SOURCES, Observation, Severity, Source

MAX_VALUES = 100
MAX_FEATURE_LENGTH = 255

Number: TypeAlias = Annotated[float, Field(strict=True, allow_inf_nan=False)]
SeverityLabel: TypeAlias = Literal["low", "medium", "high", "critical"]
HealthState: TypeAlias = Literal["ok", "deteriorating", "failing", "unknown"]
NumberOp: TypeAlias = Literal["gt", "gte", "lt", "lte", "eq", "ne", "in", "within", "outside"]
T = TypeVar("T")
OneOrMany: TypeAlias = Annotated[
    Annotated[T, Tag("one")] | Annotated[list[T], Field(min_length=1, max_length=MAX_VALUES), Tag("many")],
    Discriminator(lambda value: "many" if isinstance(value, list) else "one"),
]

COMPARE: Mapping[str, Callable[[Any, Any], bool]] = MappingProxyType(
    {
        "gt": operator.gt,
        "gte": operator.ge,
        "lt": operator.lt,
        "lte": operator.le,
        "eq": operator.eq,
        "ne": operator.ne,
        "in": lambda observed, values: observed in values,
        "within": lambda observed, bounds: bounds[0] <= observed <= bounds[1],
        "outside": lambda observed, bounds: not bounds[0] <= observed <= bounds[1],
    }
)


class Leaf(Document):
    """Compares a signal with one value, a list (`in`) or `[lowest, highest]` (`within`, `outside`)."""

    signal: str
    op: str
    value: Any
    reduce: NotEvaluated = None
    window: NotEvaluated = None
    recover: NotEvaluated = None

    @field_validator("value")
    @classmethod
    def _suits_op(cls, value: Any, info: ValidationInfo) -> Any:
        op, many = info.data.get("op"), isinstance(value, list)
        if op in ("within", "outside") and (not many or len(value) != 2 or value[0] > value[1]):
            raise PydanticCustomError("bounds", "must be [lowest, highest], both included")
        if op == "in" and not many:
            raise PydanticCustomError("values", "must be a list of values, as op is in")
        if op in ("gt", "gte", "lt", "lte", "eq", "ne") and many:
            raise PydanticCustomError("value", "must be one value, as op is {op}", {"op": op})
        return value

    @property
    def source(self) -> Source:
        return SOURCES[self.signal]

    def compile(self) -> Predicate:
        signal, compare, value = self.signal, COMPARE[self.op], self.comparable()

        def holds(observation: Observation) -> bool:
            observed = observation.values.get(signal)
            return observed is not None and compare(observed, value)

        return holds

    def comparable(self) -> Any:
        """The value in the form in which observations hold it."""
        return self.value


class NumberLeaf(Leaf):
    """`anomaly.count` and `anomaly.fraction` belong to one monitoring run."""

    signal: Literal["anomaly.distance", "anomaly.distance_ratio", "anomaly.count", "anomaly.fraction"]
    op: NumberOp
    value: OneOrMany[Number]


class FeatureLeaf(Leaf):
    """The share of a feature in the anomaly, 0 to 1; 0 if the explanation does not mention it."""

    signal: Literal["feature.contribution"]
    feature: Annotated[
        str, Field(min_length=1, max_length=MAX_FEATURE_LENGTH, description="The name of a column")
    ]
    op: NumberOp
    value: OneOrMany[Number]

    def compile(self) -> Predicate:
        feature, compare, value = self.feature, COMPARE[self.op], self.value
        return lambda observation: compare(observation.contributions.get(feature, 0.0), value)


class SeverityLeaf(Leaf):
    signal: Literal["anomaly.severity"]
    op: Literal["gt", "gte", "lt", "lte", "eq", "ne", "in"]
    value: OneOrMany[SeverityLabel]

    def comparable(self) -> Any:
        if isinstance(self.value, list):
            return [Severity.parse(label) for label in self.value]
        return Severity.parse(self.value)


class HealthLeaf(Leaf):
    """The state of the machine after one monitoring run."""

    signal: Literal["health.state"]
    op: Literal["eq", "ne", "in"]
    value: OneOrMany[HealthState]


class FailureLeaf(Leaf):
    signal: Literal["analysis.failed"]
    op: Literal["eq", "ne"]
    value: StrictBool


SignalLeaf: TypeAlias = Annotated[
    NumberLeaf | FeatureLeaf | SeverityLeaf | HealthLeaf | FailureLeaf, Discriminator("signal")
]
