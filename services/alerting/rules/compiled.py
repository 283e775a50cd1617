"""Conditions in the form that judges observations, and the cache that keeps it. Pure."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias
from uuid import UUID

from services.alerting.rules.domain import Rule
from services.alerting.rules.signals import Observation, Severity, Source

Predicate: TypeAlias = Callable[[Observation], bool]

# A condition of a few leaves takes 2 KiB; one of the largest allowed 60 KiB.
MAX_CONDITIONS = 10_000


@dataclass(frozen=True, slots=True)
class Condition:
    """`severity` holds the steps; a resolved alert reopens within `reopen_within`."""

    source: Source
    when: Predicate
    severity: tuple[tuple[Severity, Predicate], ...] = ()
    reopen_within: timedelta | None = None

    def judge(self, observation: Observation, default: Severity) -> Severity | None:
        """How severe the observation is under this condition; None when it is not fulfilled.

        The highest step that holds decides; `default`, the rule's own severity, when none does.
        """
        if observation.source is not self.source or not self.when(observation):
            return None
        return max((level for level, holds in self.severity if holds(observation)), default=default)


class ConditionCache:
    """Compiles the condition of a rule version once, and keeps the `max_size` used last."""

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
