"""The leaves of a condition: how each signal is compared with which values."""

from typing import Annotated, Any, ClassVar, Literal, TypeAlias, TypeVar

from pydantic import Discriminator, Field, StrictBool, Tag, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from services.alerting.rules.documents import Document, Duration, invalid
from services.alerting.rules.durations import microseconds, to_timedelta
from services.alerting.rules.program import Leaf as CompiledLeaf
from services.alerting.rules.signals import HEALTH_STATES, SOURCES, Severity, Source
from shared.http.fields import NotNull

MAX_VALUES = 100
MAX_FEATURE_LENGTH = 255
# Samples are kept one by one for a month; see series/domain.py.
MAX_WINDOW = "P30D"

Number: TypeAlias = Annotated[float, Field(strict=True, allow_inf_nan=False)]
SeverityLabel: TypeAlias = Literal["low", "medium", "high", "critical"]
HealthState: TypeAlias = Literal["ok", "deteriorating", "failing", "unknown"]
NumberOp: TypeAlias = Literal["gt", "gte", "lt", "lte", "eq", "ne", "in", "within", "outside"]
Reduce: TypeAlias = Literal["min", "max", "mean", "median"]
T = TypeVar("T")
OneOrMany: TypeAlias = Annotated[
    Annotated[T, Tag("one")] | Annotated[list[T], Field(min_length=1, max_length=MAX_VALUES), Tag("many")],
    Discriminator(lambda value: "many" if isinstance(value, list) else "one"),
]
RISING, FALLING = ("gt", "gte"), ("lt", "lte")


class Leaf(Document):
    """Compares a signal with one value, a list (`in`) or `[lowest, highest]` (`within`, `outside`)."""

    signal: str
    op: str
    value: Any

    @field_validator("value")
    @classmethod
    def _suits_op(cls, value: Any, info: ValidationInfo) -> Any:
        op, many = info.data.get("op"), isinstance(value, list)
        if op in ("within", "outside") and (not many or len(value) != 2 or value[0] > value[1]):
            raise PydanticCustomError("bounds", "must be [lowest, highest], both included")
        if op == "in" and not many:
            raise PydanticCustomError("values", "must be a list of values, because op is 'in'")
        if op in ("gt", "gte", "lt", "lte", "eq", "ne") and many:
            raise PydanticCustomError("value", "must be a single value, because op is '{op}'", {"op": op})
        return value

    @property
    def source(self) -> Source:
        return SOURCES[self.signal]

    def comparable(self) -> Any:
        """The value as the number or numbers with which the column of the signal is compared."""
        return self.value

    def compile(self) -> CompiledLeaf:
        return CompiledLeaf(self.signal, self.source, self.op, self.comparable())


class NumberLeaf(Leaf):
    """Compares a number; with `window`, its minimum, maximum, mean or median over that time.

    Once satisfied, a leaf with `recover` stays so until the number passes that value, too.
    """

    needs_reduce: ClassVar[bool] = True

    op: NumberOp
    value: OneOrMany[Number]
    recover: Annotated[Number | None, NotNull()] = Field(
        default=None, description="The value at which a satisfied leaf clears: hysteresis"
    )
    window: Annotated[Duration | None, NotNull()] = Field(
        default=None, description=f"At most {MAX_WINDOW}, of the samples' own times"
    )

    @field_validator("window")
    @classmethod
    def _bounded(cls, window: str | None) -> str | None:
        if window is not None and not 0 < microseconds(window) <= microseconds(MAX_WINDOW):
            raise PydanticCustomError(
                "window", "must be longer than PT0S and at most {most}", {"most": MAX_WINDOW}
            )
        return window

    @model_validator(mode="after")
    def _hangs_together(self) -> "NumberLeaf":
        reduce, recover = getattr(self, "reduce", None), self.recover
        if self.needs_reduce and (self.window is None) != (reduce is None):
            present, absent = ("window", "reduce") if reduce is None else ("reduce", "window")
            raise invalid([((present,), f"needs {absent}, too")])
        if recover is None:
            return self
        if self.op not in (*RISING, *FALLING):
            raise invalid([(("recover",), "is for gt, gte, lt and lte only")])
        value = float(self.value) if not isinstance(self.value, list) else recover
        if recover > value if self.op in RISING else recover < value:
            side = "above" if self.op in RISING else "below"
            raise invalid([(("recover",), f"must not be {side} value, because op is '{self.op}'")])
        return self

    def compile(self) -> CompiledLeaf:
        return CompiledLeaf(
            self.signal,
            self.source,
            self.op,
            self.comparable(),
            recover=self.recover,
            window=microseconds(self.window) if self.window else None,
            reduce=getattr(self, "reduce", None),
        )


class ReducibleLeaf(NumberLeaf):
    """`wear.distance` is in standard deviations, `wear.slope` that per day; `quality.missing` is a share."""

    signal: Literal[
        "anomaly.distance", "anomaly.distance_ratio", "quality.missing", "wear.distance", "wear.slope"
    ]
    reduce: Annotated[Reduce | None, NotNull()] = None


class CountLeaf(NumberLeaf):
    """The anomalies of a monitoring run, or of the samples in `window`, and their share (0 to 1)."""

    needs_reduce: ClassVar[bool] = False

    signal: Literal["anomaly.count", "anomaly.fraction"]

    @property
    def source(self) -> Source:
        return Source.RUN if self.window is None else Source.SAMPLES


class FeatureLeaf(NumberLeaf):
    """The share of a feature in the anomaly, 0 to 1; 0 if the explanation does not mention it."""

    signal: Literal["feature.contribution"]
    feature: Annotated[
        str, Field(min_length=1, max_length=MAX_FEATURE_LENGTH, description="The name of a column")
    ]
    reduce: Annotated[Reduce | None, NotNull()] = None

    def compile(self) -> CompiledLeaf:
        return super().compile().of_feature(self.feature)


class SeverityLeaf(Leaf):
    signal: Literal["anomaly.severity"]
    op: Literal["gt", "gte", "lt", "lte", "eq", "ne", "in"]
    value: OneOrMany[SeverityLabel]

    def comparable(self) -> Any:
        if isinstance(self.value, list):
            return [float(Severity.parse(label)) for label in self.value]
        return float(Severity.parse(self.value))


class HealthLeaf(Leaf):
    """The state of the machine after its newest monitoring run."""

    signal: Literal["health.state"]
    op: Literal["eq", "ne", "in"]
    value: OneOrMany[HealthState]

    def comparable(self) -> Any:
        if isinstance(self.value, list):
            return [float(HEALTH_STATES.index(state)) for state in self.value]
        return float(HEALTH_STATES.index(self.value))


class FailureLeaf(Leaf):
    """Whether the machine's newest analysis failed."""

    signal: Literal["analysis.failed"]
    op: Literal["eq", "ne"]
    value: StrictBool

    def comparable(self) -> float:
        return float(self.value)


class AgeLeaf(Leaf):
    """The age of the machine's newest sample, by its own time."""

    signal: Literal["data.age"]
    op: Literal["gt", "gte", "lt", "lte"]
    value: Duration

    def comparable(self) -> float:
        return to_timedelta(self.value).total_seconds()


SignalLeaf: TypeAlias = Annotated[
    ReducibleLeaf | CountLeaf | FeatureLeaf | SeverityLeaf | HealthLeaf | FailureLeaf | AgeLeaf,
    Discriminator("signal"),
]
