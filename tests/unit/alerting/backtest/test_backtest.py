"""A rule is tried on the history of its machine; on fakes."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.alerting.alerts.domain import AlertOutcome, AlertStatus
from services.alerting.backtest.domain import curve, in_order, replay
from services.alerting.backtest.errors import BadRange
from services.alerting.backtest.service import (
    MAX_AT_ONCE,
    MAX_OF_ORGANIZATION,
    Backtest,
    BacktestService,
)
from services.alerting.judging.core import Judged
from services.alerting.rules.conditions import compile_condition
from services.alerting.rules.signals import Severity
from services.alerting.series.service import SeriesService
from services.alerting.series.thinning import thinned
from shared.access import Caller, Role
from shared.errors import Unavailable
from shared.http.turns import TooManyAtOnce
from tests.support.fakes import FakeClock
from tests.support.waiting import eventually
from tests.unit.alerting.database.repository_suite import NOW, World
from tests.unit.alerting.examples import condition, leaf, recorded, run_end, scored
from tests.unit.alerting.fakes import FakeUnits
from tests.unit.alerting.judging.simulation import Simulation

DAY = timedelta(days=1)
RESOLVED = AlertStatus.RESOLVED


class FakeAnalysis:
    """Serves a timeline, or nothing."""

    def __init__(self, timeline: Mapping[str, Any] | None = None) -> None:
        self.asked: list[str] = []
        self._timeline = timeline

    async def get(self, path: str, *, caller: Caller | None = None) -> Mapping[str, Any]:
        self.asked.append(path)
        if self._timeline is None:
            raise Unavailable("down")
        return self._timeline


class Bench:
    def __init__(self, timeline: Mapping[str, Any] | None = None) -> None:
        self.clock = FakeClock(NOW)
        self.units = FakeUnits(self.clock)
        self.world = World(self.units)
        self.analysis = FakeAnalysis(timeline)
        self.backtests = BacktestService(self.clock, self.analysis)
        self.caller = Caller(uuid4(), "e@x.org", "E", self.world.organization_id, Role.VIEWER, "token")

    async def keep(self, *ratios: float, ago: timedelta, **more: Any) -> None:
        payload = scored(self.world.machine.id, ratios, start=NOW - ago, **more)
        async with self.units(self.world.scope) as unit:
            await SeriesService(self.clock, uuid4).scored(unit, self.world.organization_id, payload)

    async def run(self, document: dict[str, Any] | None = None, **span: Any) -> Backtest:
        await self.backtests.complete_history(self.units, self.caller, self.world.machine.id)
        program = compile_condition(document or condition(clear={"no_recurrence_for": "PT1H"}))
        values = {"since": None, "until": None, "rule_id": None} | span
        machine_id = self.world.machine.id
        return await self.backtests.run(
            self.units, self.caller, machine_id, program, Severity.MEDIUM, **values
        )


async def test_alerts_are_those_that_the_rule_would_have_opened() -> None:
    bench = Bench()
    await bench.world.store()
    for days in (20, 10, 10):
        await bench.keep(0.5, 2.0, 3.0, 0.5, ago=days * DAY)
    found = await bench.run(until=NOW, since=NOW - 28 * DAY)
    assert [(alert.count, alert.severity) for alert in found.replay.alerts] == [(2, 2), (4, 2)]
    first = found.replay.alerts[0]
    assert first.raised_at == NOW - 20 * DAY + timedelta(minutes=1)
    assert first.resolved_at == first.last_seen_at + timedelta(hours=1)
    assert found.replay.per_week(found.since, found.until) == pytest.approx(0.5)
    assert found.replay.samples == 12
    assert found.curve is not None
    assert (found.curve.high.max(), found.curve.samples.sum()) == (3.0, 12)
    assert bench.units.memory.alerts == {}, "nothing is opened"


async def test_alerts_that_people_have_judged_are_compared() -> None:
    bench = Bench()
    await bench.world.store()
    await bench.keep(2.0, ago=10 * DAY)
    seen = {"first_seen_at": NOW - 10 * DAY, "last_seen_at": NOW - 10 * DAY}
    await bench.world.alert(**seen, status=RESOLVED, outcome=AlertOutcome.TRUE_ALARM)
    other = {"first_seen_at": NOW - 5 * DAY, "last_seen_at": NOW - 5 * DAY}
    await bench.world.alert(**other, status=RESOLVED, outcome=AlertOutcome.FALSE_ALARM)
    found = await bench.run(until=NOW)
    assert (found.overlap.recorded, found.overlap.matched) == (2, 1)
    assert found.overlap.outcomes == {"true_alarm": 1}


async def test_history_from_before_is_fetched_once() -> None:
    at = (NOW - 30 * DAY).isoformat()
    timeline = {
        "series": {"at": [at], "max": [4.0], "samples": [100], "anomalies": [7]},
        "runs": [{"last_at": at, "samples": 100, "anomalies": 7, "state": "failing"}],
    }
    bench = Bench(timeline)
    await bench.world.store()
    await bench.keep(2.0, ago=1 * DAY)
    for _ in range(2):
        found = await bench.run(until=NOW)
        assert [alert.raised_at for alert in found.replay.alerts] == [NOW - 30 * DAY, NOW - DAY]
        assert found.downsampled
    assert len(bench.analysis.asked) == 1
    failing = condition(leaf("failing", signal="health.state", op="eq"))
    assert len((await bench.run(failing, until=NOW)).replay.alerts) == 1


async def test_without_an_answer_the_backtest_goes_without_history() -> None:
    bench = Bench()
    await bench.world.store()
    found = await bench.run()
    assert (found.replay.alerts, found.curve) == ([], None)


async def test_a_range_that_is_none_is_refused() -> None:
    bench = Bench()
    await bench.world.store()
    with pytest.raises(BadRange):
        await bench.run(since=NOW, until=NOW)
    with pytest.raises(BadRange):
        await bench.run(since=NOW - 6 * 366 * DAY, until=NOW)


async def test_a_backtest_holds_no_connection_while_it_waits_for_its_turn() -> None:
    bench = Bench()
    await bench.world.store()
    opened: list[Any] = []
    units = bench.units

    @asynccontextmanager
    async def counted(scope: Any) -> AsyncIterator[Any]:
        async with units(scope) as unit:
            opened.append(unit)
            yield unit
            opened.remove(unit)

    async def all_wait() -> bool:
        return bench.backtests.turns.taken(bench.caller.organization_id) == MAX_OF_ORGANIZATION

    program = compile_condition(condition())
    asked = (bench.world.machine.id, program, Severity.MEDIUM, None, NOW, None)
    async with AsyncExitStack() as stack:
        for _ in range(MAX_AT_ONCE):
            await stack.enter_async_context(bench.backtests.turns.of(uuid4()))
        waiting = [
            asyncio.create_task(bench.backtests.run(counted, bench.caller, *asked))
            for _ in range(MAX_OF_ORGANIZATION)
        ]
        await eventually(all_wait, what="they waited")
        assert opened == []
        with pytest.raises(TooManyAtOnce):
            await bench.backtests.run(counted, bench.caller, *asked)
    assert len(await asyncio.gather(*waiting)) == MAX_OF_ORGANIZATION


def test_a_replay_says_what_judging_said() -> None:
    document = condition(
        leaf(0.5, signal="anomaly.fraction") | {"window": "PT4M"},
        trigger={"mode": "m_of_n", "m": 2, "n": 3},
        clear={"no_recurrence_for": "PT10M"},
        no_data={"after": "PT1H"},
    )
    live = Simulation(document)
    start = live.now
    payloads = []
    for block in ([0.5, 2.0, 2.0, 2.0], [0.5] * 12, [2.0] * 5):
        payloads.append(scored(live.machine_id, block, start=live.now + timedelta(minutes=1), run=run_end()))
        live.send(payloads[-1], live.now + timedelta(minutes=len(block)))
    live.wait(hours=2)
    said = [each for each in live.said if each.kind.value == "raised"]
    rule = Judged(live.machine_id, compile_condition(document), Severity.MEDIUM, start)
    blocks = [block for payload in payloads for block in recorded(payload).blocks()]
    end = live.now
    found = replay(rule, in_order(blocks, start, end), start, end)
    assert [alert.raised_at for alert in found.alerts] == [each.at for each in said]
    assert len(found.alerts) == 3, "two faults, and the silence after them"


def test_old_samples_become_buckets_that_keep_their_peaks() -> None:
    ratios = [0.5] * 40 + [None, 3.0] + [0.5] * 58
    payload = scored(
        uuid4(), ratios, missing=(0.0,) * 40 + (1.0,) + (0.0,) * 59, run=run_end(health="failing")
    )
    record = recorded(payload)
    old = thinned(record)
    assert len(old.data) < len(record.data)
    samples, run = old.blocks()
    before, _ = record.blocks()
    assert len(samples) == 16
    assert samples.values["anomaly.distance_ratio"].max() == 3.0
    assert samples.values["anomaly.distance"].max() == pytest.approx(1.5)
    assert samples.values["anomaly.severity"][~(samples.anomalies == 0)].tolist() == [3.0]
    assert samples.weights.sum() == before.weights.sum()
    assert samples.anomalies.sum() == 1
    assert run.values["health.state"][0] == 2
    drawn = curve([samples], 8)
    assert drawn is not None
    assert drawn.high.max() == 3.0
