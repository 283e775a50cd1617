"""Compiled conditions, which evaluate observations, and their cache. Pure."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias
from uuid import UUID

from services.alerting.rules.domain import Rule
from services.alerting.rules.signals import Observation, Severity, Source

Predicate: TypeAlias = Callable[[Observation], bool]

# A condition of a few leaves takes 2 KiB, the largest possible one 60 KiB.
MAX_CONDITIONS = 10_000


@dataclass(frozen=True, slots=True)
class Condition:
    """`severity` holds the steps; an alert reopens if it was resolved within `reopen_within`."""

    source: Source
    when: Predicate
    severity: tuple[tuple[Severity, Predicate], ...] = ()
    reopen_within: timedelta | None = None

    def judge(self, observation: Observation, default: Severity) -> Severity | None:
        """The severity of the observation, or None if it does not satisfy the condition.

        That is the highest step that applies, or else `default`, the severity of the rule.
        """
        if observation.source is not self.source or not self.when(observation):
            return None
        return max((level for level, holds in self.severity if holds(observation)), default=default)


class ConditionCache:
    """Compiles each rule version once, and keeps the `max_size` that were used last."""

    def __init__(
        self, compile_condition: Callable[[Mapping[str, Any]], Condition], *, max_size: int = MAX_CONDITIONS
    ) -> None:
        self._compile = compile_condition
        self._max_size = max_size
        self._conditions: OrderedDict[tuple[UUID, int], Condition] = OrderedDict()

    def __len__(self) -> int:
        return len(self._conditions)

    def of(self, rule: Rule) -> Condition:
        key = (rule.id, rule.version)
        condition = self._conditions.get(key)
        if condition is None:
            condition = self._conditions[key] = self._compile(rule.condition)
            if len(self._conditions) > self._max_size:
                self._conditions.popitem(last=False)
        else:
            self._conditions.move_to_end(key)
        return condition
