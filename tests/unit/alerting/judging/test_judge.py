"""What comes of a machine is kept, and judged in jobs; on fakes."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import BaseModel

from services.alerting.alerts.announcer import Announcer
from services.alerting.alerts.domain import AlertStatus, Resolution
from services.alerting.alerts.lifecycle import AlertLifecycle
from services.alerting.database.unit import WatchingRule
from services.alerting.deliveries.domain import LEASE, QUEUE
from services.alerting.deliveries.notifier import Notifier
from services.alerting.judging.judge import Judge, judging_worker
from services.alerting.rules.compiled import ProgramCache
from services.alerting.rules.conditions import compile_condition
from services.alerting.rules.program import Program
from services.alerting.series.service import SeriesService
from services.alerting.timer.kinds import JUDGEMENT
from services.alerting.timer.runner import timer_worker
from shared.events.alerting import ALERT_CHANGED, ALERT_RAISED
from shared.events.analysis import AnalysisCompleted, AnomalyDetected, SamplesScored
from tests.support.fakes import FakeClock
from tests.unit.alerting.database.repository_suite import NOW, World
from tests.unit.alerting.examples import anomaly, completed, condition, failed, leaf, scored
from tests.unit.alerting.fakes import FakeRules, FakeUnits


class CountingCompiler:
    """Compiles conditions, and records which ones."""

    def __init__(self) -> None:
        self.compiled: list[Mapping[str, Any]] = []

    def __call__(self, document: Mapping[str, Any]) -> Program:
        self.compiled.append(document)
        return compile_condition(document)


class Bench:
    def __init__(self) -> None:
        self.clock = FakeClock(NOW)
        self.units = FakeUnits(self.clock)
        self.world = World(self.units)
        self.compiler = CountingCompiler()
        self.lifecycle = AlertLifecycle(self.clock, uuid4, Announcer(Notifier(self.clock, uuid4)))
        self.series = SeriesService(self.clock, uuid4)
        judge = Judge(self.units, self.lifecycle, ProgramCache(self.compiler), self.clock)
        self._judging = judging_worker(self.units.queue, judge)
        self._timers = timer_worker(self.units.queue, self.units, {JUDGEMENT: self.series.time_passed})

    def given(self, document: dict[str, Any]) -> None:
        self.world.rule = replace(self.world.rule, condition=document)

    async def keep(self, payload: BaseModel) -> None:
        async with self.units(self.world.scope) as unit:
            owner = self.world.organization_id
            if isinstance(payload, SamplesScored):
                await self.series.scored(unit, owner, payload)
            elif isinstance(payload, AnomalyDetected):
                await self.series.detected(unit, owner, payload)
            elif isinstance(payload, AnalysisCompleted):
                await self.series.completed(unit, owner, payload)

    async def judge(self) -> None:
        """Fire the timers that are due, and judge."""
        await self._timers.run_due()
        await self._judging.run_due()

    async def anomaly(self, ratio: float = 2.0) -> None:
        await self.keep(anomaly(self.world.machine.id, ratio))
        await self.judge()

    async def samples(self, *ratios: float, **more: Any) -> None:
        await self.keep(scored(self.world.machine.id, ratios, start=self.clock.now(), **more))
        await self.judge()

    @property
    def published(self) -> list[str]:
        return [getattr(e.payload, "change", "raised") for e in self.units.outbox.events]


async def test_samples_of_a_machine_without_rules_are_kept_and_not_judged() -> None:
    bench = Bench()
    await bench.anomaly()
    assert len(bench.units.memory.records) == 1
    await bench.world.store()
    await bench.judge()
    assert bench.published == [], "a rule begins with what comes after it"
    await bench.anomaly()
    assert bench.published == ["raised"]


async def test_a_message_that_does_not_satisfy_the_condition_changes_nothing() -> None:
    bench = Bench()
    await bench.world.store()
    await bench.anomaly(1.49)
    async with bench.units(bench.world.scope) as unit:
        await bench.series.failed(unit, bench.world.organization_id, failed(bench.world.machine.id))
    await bench.judge()
    assert (bench.published, bench.units.memory.alerts) == ([], {})


async def test_what_samples_tell_already_is_not_judged_twice() -> None:
    bench = Bench()
    await bench.world.store()
    machine_id = bench.world.machine.id
    await bench.keep(scored(machine_id, [2.0], start=NOW))
    await bench.keep(anomaly(machine_id, scored=True))
    await bench.keep(completed(machine_id, scored=True))
    await bench.keep(completed(machine_id, analysis_type="baseline"))
    await bench.judge()
    [alert] = bench.units.memory.alerts.values()
    assert alert.count == 1


async def test_all_that_has_come_is_judged_as_one_batch() -> None:
    bench = Bench()
    await bench.world.store()
    for minute in range(10):
        await bench.keep(scored(bench.world.machine.id, [2.0] * 100, start=NOW + timedelta(hours=minute)))
    await bench.judge()
    [alert] = bench.units.memory.alerts.values()
    assert alert.count == 1000
    assert bench.published == ["raised"]


async def test_a_rule_that_is_switched_on_again_waits_anew_for_a_silent_machine() -> None:
    bench = Bench()
    bench.given(condition(no_data={"after": "PT1H"}))
    await bench.world.store()
    await bench.samples(0.5)
    bench.clock.advance(hours=2)
    await bench.judge()
    assert bench.published == ["raised"]
    rule = bench.world.rule
    how = Resolution("The rule was switched off.", "rule_switched_off")
    async with bench.units(bench.world.scope) as unit:
        await bench.lifecycle.close_of_rule(unit, rule, how)
    assert bench.published == ["raised", "resolved"]
    bench.units.memory.rules[rule.id] = replace(rule, updated_at=bench.clock.now(), version=rule.version + 1)
    async with bench.units(bench.world.scope) as unit:
        await unit.timers.schedule(JUDGEMENT, rule.machine_id, bench.clock.now())
    await bench.judge()
    assert bench.published == ["raised", "resolved"]
    bench.clock.advance(hours=1, minutes=1)
    await bench.judge()
    assert bench.published == ["raised", "resolved", "raised"]


async def test_a_rule_that_is_made_while_its_machine_is_judged_keeps_its_timer() -> None:
    bench = Bench()
    await bench.world.store()
    made = replace(
        bench.world.rule, id=uuid4(), name="silent", condition=condition(no_data={"after": "PT1H"})
    )
    watching, calls = FakeRules.watching, itertools.count()

    async def while_judging(rules: FakeRules, machine_id: UUID) -> Sequence[WatchingRule]:
        """Once the pass has read its rules, somebody makes another one."""
        found = await watching(rules, machine_id)
        if next(calls) == 0:
            bench.units.memory.rules[made.id] = replace(made, updated_at=bench.clock.now())
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FakeRules, "watching", while_judging)
        await bench.samples(0.5)
    bench.clock.advance(hours=1, minutes=1)
    await bench.judge()
    assert bench.published == ["raised"]


async def test_a_machine_that_is_not_active_is_not_judged() -> None:
    bench = Bench()
    bench.given(condition(no_data={"after": "PT1H"}))
    await bench.world.store()
    for status in ("maintenance", "inactive", "retired"):
        machine = replace(bench.world.machine, status=status)
        bench.units.memory.machines[machine.id] = machine
        await bench.samples(2.0)
        bench.clock.advance(hours=5)
        await bench.judge()
        assert bench.published == [], status
    bench.units.memory.machines[bench.world.machine.id] = bench.world.machine
    await bench.samples(0.5)
    assert bench.published == [], "what came meanwhile is over"
    await bench.samples(2.0)
    assert bench.published == ["raised"]


async def test_an_alert_clears_when_its_time_comes() -> None:
    bench = Bench()
    bench.given(condition(clear={"no_recurrence_for": "PT1H"}))
    await bench.world.store()
    await bench.samples(2.0, 0.5)
    assert bench.published == ["raised", "recovering"]
    bench.clock.advance(minutes=59)
    await bench.judge()
    assert bench.published == ["raised", "recovering"]
    bench.clock.advance(minutes=2)
    await bench.judge()
    assert bench.published == ["raised", "recovering", "resolved"]


async def test_an_alert_of_late_samples_notifies_nobody_until_the_fault_is_there_now() -> None:
    bench = Bench()
    bench.given(condition(late_after="P1D"))
    await bench.world.store()
    await bench.keep(scored(bench.world.machine.id, [2.0], start=NOW - timedelta(days=2)))
    await bench.judge()
    assert (bench.published, bench.units.memory.deliveries) == (["raised"], {})
    [alert] = bench.units.memory.alerts.values()
    assert alert.untold
    await bench.samples(2.0)
    assert bench.published == ["raised", "reopened"]
    assert [each.change for each in bench.units.memory.deliveries.values()] == ["reopened"]


async def test_a_person_who_resolves_a_muted_alert_tells_nobody_either() -> None:
    bench = Bench()
    bench.given(condition(schedule={"tz": "UTC", "mute": [{}]}))
    await bench.world.store()
    await bench.samples(2.0)
    async with bench.units(bench.world.scope) as unit:
        await bench.lifecycle.close_of_rule(unit, bench.world.rule, Resolution("off", "rule_switched_off"))
    [alert] = bench.units.memory.alerts.values()
    assert (alert.status, bench.units.memory.deliveries) == (AlertStatus.RESOLVED, {})


async def test_a_rule_that_was_renamed_keeps_its_memory_and_a_new_condition_begins_anew() -> None:
    bench = Bench()
    bench.given(condition(trigger={"mode": "m_of_n", "m": 2, "n": 2}))
    await bench.world.store()
    await bench.samples(2.0)
    bench.units.memory.rules[bench.world.rule.id] = bench.world.rule.changed({"name": "New"}, NOW)
    await bench.samples(2.0)
    assert bench.published == ["raised"]


async def test_an_alert_is_raised_once_updated_rarely_and_notifies_its_channels() -> None:
    bench = Bench()
    await bench.world.store()
    for _ in range(9):
        await bench.anomaly()
    assert bench.published == ["raised", "updated"]
    (raised,) = bench.units.outbox.payloads(ALERT_RAISED)
    (updated,) = bench.units.outbox.payloads(ALERT_CHANGED)
    assert (raised.count, updated.count, raised.alert_id) == (1, 2, updated.alert_id)
    (delivery,) = bench.units.memory.deliveries.values()
    assert (delivery.change, delivery.channel, delivery.attempt) == ("raised", "webhook:cmms", 1)
    assert delivery.message["type"] == "alert.raised"
    assert delivery.message["data"]["alert_id"] == str(raised.alert_id)
    [job] = await bench.units.queue.claim(QUEUE, 10, lease=LEASE)
    assert (job.id, job.subject_id) == (delivery.lane, raised.alert_id)
    assert job.organization_id == bench.world.organization_id


async def test_a_resolved_alert_reopens_only_within_its_interval() -> None:
    bench = Bench()
    bench.world.rule = replace(bench.world.rule, condition=condition(dedupe={"reopen_within": "PT1H"}))
    await bench.world.store()
    await bench.anomaly()
    for waited, change in ((timedelta(hours=1), "reopened"), (timedelta(hours=1, seconds=1), "raised")):
        (alert,) = [a for a in bench.units.memory.alerts.values() if a.resolved_at is None]
        bench.units.memory.alerts[alert.id] = alert.resolved(uuid4(), Resolution(), bench.clock.now())
        bench.clock.time += waited
        await bench.anomaly()
        assert bench.published[-1] == change
    assert len(bench.units.memory.alerts) == 2


async def test_a_condition_is_parsed_once_per_version_of_its_rule() -> None:
    bench = Bench()
    await bench.world.store()
    for _ in range(5):
        await bench.anomaly()
    assert bench.compiler.compiled == [bench.world.rule.condition]
    changed = bench.world.rule.changed({"condition": condition(leaf(100))}, NOW)
    async with bench.units(bench.world.scope) as unit:
        await unit.rules.update(changed)
    for _ in range(5):
        await bench.anomaly()
    assert bench.compiler.compiled == [bench.world.rule.condition, changed.condition]
    [alert] = bench.units.memory.alerts.values()
    assert alert.count == 5, "the new condition applies"
