"""Rules as they are judged: a condition without its document. Pure."""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.alerting.rules.schedule import Schedule
from services.alerting.rules.signals import Severity, Source

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Truth: TypeAlias = tuple[Flags, Flags]
"""Where a node is satisfied and where it is not, each (n,); elsewhere it is not known (Kleene's logic)."""

MICROSECONDS_PER_SECOND = 10**6
COMPARE: Mapping[str, Callable[[Floats, Any], Flags]] = MappingProxyType(
    {
        "gt": operator.gt,
        "gte": operator.ge,
        "lt": operator.lt,
        "lte": operator.le,
        "eq": operator.eq,
        "ne": operator.ne,
        "in": lambda observed, values: np.isin(observed, values),
        "within": lambda observed, bounds: (observed >= bounds[0]) & (observed <= bounds[1]),
        "outside": lambda observed, bounds: (observed < bounds[0]) | (observed > bounds[1]),
    }
)


@dataclass(frozen=True, slots=True)
class Leaf:
    """`recover` is the value at which a satisfied leaf clears. `window` is in microseconds."""

    signal: str
    source: Source
    op: str
    value: Any
    recover: float | None = None
    window: int | None = None
    reduce: str | None = None
    feature: str | None = None

    def of_feature(self, feature: str) -> "Leaf":
        return replace(self, feature=feature)

    def satisfied(self, observed: Floats) -> Flags:
        return COMPARE[self.op](observed, self.value)

    def keeps(self, observed: Floats) -> Flags:
        """Where a satisfied leaf stays satisfied."""
        return COMPARE[self.op](observed, self.value if self.recover is None else self.recover)


@dataclass(frozen=True, slots=True)
class Node:
    """`kind` is leaf (number `leaf` of the program), all, any or not."""

    kind: Literal["leaf", "all", "any", "not"]
    leaf: int = 0
    nodes: tuple["Node", ...] = ()

    def judge(self, leaves: Sequence[Truth]) -> Truth:
        if self.kind == "leaf":
            return leaves[self.leaf]
        parts = [node.judge(leaves) for node in self.nodes]
        if self.kind == "not":
            yes, no = parts[0]
            return no, yes
        # The arrays of the parts are not changed: several nodes may share those of a leaf.
        both, either = np.logical_and.reduce, np.logical_or.reduce
        yeses, noes = [yes for yes, _ in parts], [no for _, no in parts]
        if self.kind == "all":
            return both(yeses), either(noes)
        return either(yeses), both(noes)


@dataclass(frozen=True, slots=True)
class Trigger:
    """Opens the alert: at once (1 of 1), if `m` of the last `n` steps satisfy the condition, or after `hold`.

    `hold` is how many microseconds the condition must be satisfied without interruption.
    """

    m: int = 1
    n: int = 1
    hold: int = 0


@dataclass(frozen=True, slots=True)
class Clear:
    """An alert recovers while its condition is not satisfied, and clears `after` microseconds of that."""

    after: int
    auto_resolve: bool


@dataclass(frozen=True, slots=True)
class NoData:
    """What happens `after` microseconds without data; `grace` is added after the rule was changed."""

    after: int
    grace: int
    state: Literal["alert", "resolve", "keep"]


@dataclass(frozen=True, slots=True)
class Program:
    """`steps` are the steps of severity. Samples older than `late_after` microseconds page nobody."""

    leaves: tuple[Leaf, ...]
    when: Node
    steps: tuple[tuple[Severity, Node | None], ...] = ()
    trigger: Trigger = Trigger()
    clear: Clear | None = None
    no_data: NoData | None = None
    schedule: Schedule | None = None
    reopen_within: timedelta | None = None
    late_after: int | None = None

    @property
    def sources(self) -> frozenset[Source]:
        return frozenset(leaf.source for leaf in self.leaves)

    @property
    def window(self) -> int:
        """The longest window, in microseconds."""
        return max((leaf.window or 0 for leaf in self.leaves), default=0)

    @property
    def features(self) -> frozenset[str]:
        """The features that it names."""
        return frozenset(leaf.feature for leaf in self.leaves if leaf.feature is not None)

    @property
    def counts_missing(self) -> bool:
        """Whether samples that were not judged count, too."""
        return any(leaf.signal == "quality.missing" for leaf in self.leaves)

    @property
    def ages(self) -> Sequence[int]:
        """The ages of data at which a leaf changes, in microseconds."""
        return [
            int(leaf.value * MICROSECONDS_PER_SECOND) for leaf in self.leaves if leaf.source is Source.TIME
        ]
