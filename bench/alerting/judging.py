"""The cost of judging rules, without database and broker.

A thousand rules on one machine judge anomalies of one run, and of as many runs as anomalies; and a rule is
tried on a hundred thousand samples.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import numpy as np
from rich.table import Table

from services.alerting.backtest.domain import in_order, replay
from services.alerting.judging.assessment import Pass, Watched, assess
from services.alerting.judging.core import Judged
from services.alerting.judging.state import Phase, State
from services.alerting.rules.conditions import EXAMPLE, compile_condition
from services.alerting.rules.signals import Severity
from services.alerting.series.domain import Record
from tests.unit.alerting.database.repository_suite import make_machine, make_rule
from tests.unit.alerting.examples import SAMPLE_TIME, condition, recorded, scored

RULES = 1000
SAMPLES = 512
HISTORY = 100_000
ROUNDS = 3


def seconds(work: Callable[[], object]) -> float:
    """The time of the fastest round; slower rounds were disturbed by other programs."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return best


def watched(documents: list[dict[str, object]]) -> list[Watched]:
    machine = make_machine(uuid4())
    programs = [compile_condition(document) for document in documents]
    rules = [make_rule(machine, uuid4()) for _ in range(RULES)]
    return [
        Watched(
            rule,
            Judged(machine.id, programs[place % len(programs)], Severity.MEDIUM, SAMPLE_TIME),
            State(1, ""),
            Phase.IDLE,
        )
        for place, rule in enumerate(rules)
    ]


def judged(rules: list[Watched], records: list[Record]) -> Callable[[], object]:
    now = SAMPLE_TIME + timedelta(days=1)
    return lambda: assess(rules, Pass(records, (), now, caught_up=True, active=True))


def judging() -> Table:
    report = Table("judging without servers", "figure", box=None)
    machine_id = uuid4()
    rules = watched([condition(), condition(clear={"no_recurrence_for": "PT1H"}), dict(EXAMPLE)])
    block = recorded(scored(machine_id, [2.0] * SAMPLES))
    rate = RULES * SAMPLES / seconds(judged(rules, [block]))
    report.add_row(f"{RULES} rules, {SAMPLES} anomalies in one block", f"{rate:,.0f} evaluations/s")
    few = 20
    singles = [
        recorded(scored(machine_id, [2.0], start=SAMPLE_TIME + timedelta(minutes=number)), number)
        for number in range(1, few + 1)
    ]
    alone = RULES * few / seconds(judged(rules, singles))
    report.add_row(f"{RULES} rules, {few} anomalies of as many runs", f"{alone:,.0f} evaluations/s")
    ratios = np.random.default_rng(1).gamma(2.0, 0.25, HISTORY).round(3).tolist()
    records = [
        recorded(
            scored(machine_id, ratios[first : first + SAMPLES], start=SAMPLE_TIME + timedelta(minutes=first)),
            first + 1,
        )
        for first in range(0, HISTORY, SAMPLES)
    ]

    def backtest() -> int:
        end = SAMPLE_TIME + timedelta(minutes=HISTORY)
        blocks = in_order([each for record in records for each in record.blocks()], SAMPLE_TIME, end)
        return len(replay(rules[2].judged, blocks, SAMPLE_TIME, end).alerts)

    took = seconds(backtest)
    report.add_row(f"backtest of {HISTORY:,} samples, {backtest()} alerts", f"{took:.2f} s")
    return report
