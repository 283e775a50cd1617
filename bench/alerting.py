"""The cost of evaluating a rule with and without a cached condition: `python -m bench.alerting`."""

import time
from collections.abc import Callable
from uuid import uuid4

from rich.console import Console

from services.alerting.alerts.findings import of_anomaly
from services.alerting.rules.compiled import Condition, ConditionCache
from services.alerting.rules.conditions import EXAMPLE, compile_condition
from services.alerting.rules.signals import Severity
from tests.unit.alerting.database.repository_suite import make_machine, make_rule
from tests.unit.alerting.examples import anomaly

EVENTS = 2_000
ROUNDS = 5


def microseconds(condition: Callable[[], Condition]) -> float:
    """The time per event in the fastest round; slower rounds were disturbed by other programs."""
    observation = of_anomaly(anomaly(uuid4())).observation
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(EVENTS):
            condition().judge(observation, Severity.LOW)
        best = min(best, time.perf_counter() - began)
    return best / EVENTS * 1e6


def main() -> None:
    rule = make_rule(make_machine(uuid4()), uuid4(), condition=EXAMPLE)
    cache = ConditionCache(compile_condition)
    parsed = microseconds(lambda: compile_condition(EXAMPLE))
    cached = microseconds(lambda: cache.of(rule))
    console = Console()
    console.print(f"parsed for every event: {parsed:6.1f} us per event")
    console.print(f"parsed once per version: {cached:5.1f} us per event, {parsed / cached:.0f} times less")


if __name__ == "__main__":
    main()
