"""The evaluation of messages, on fakes."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

from services.alerting.alerts.announcer import Announcer
from services.alerting.alerts.domain import Finding, Resolution
from services.alerting.alerts.evaluator import Evaluator
from services.alerting.alerts.findings import of_anomaly, of_failed
from services.alerting.alerts.lifecycle import AlertLifecycle
from services.alerting.deliveries.domain import LEASE, QUEUE
from services.alerting.deliveries.notifier import Notifier
from services.alerting.rules.compiled import Condition, ConditionCache
from services.alerting.rules.conditions import compile_condition
from shared.events.alerting import ALERT_CHANGED, ALERT_RAISED
from tests.support.fakes import FakeClock
from tests.unit.alerting.database.repository_suite import NOW, World
from tests.unit.alerting.examples import anomaly, condition, failed, leaf
from tests.unit.alerting.fakes import FakeUnits


class CountingCompiler:
    """Compiles conditions, and records which ones."""

    def __init__(self) -> None:
        self.compiled: list[Mapping[str, Any]] = []

    def __call__(self, document: Mapping[str, Any]) -> Condition:
        self.compiled.append(document)
        return compile_condition(document)


class Bench:
    def __init__(self) -> None:
        self.clock = FakeClock(NOW)
        self.units = FakeUnits(self.clock)
        self.world = World(self.units)
        self.compiler = CountingCompiler()
        lifecycle = AlertLifecycle(self.clock, uuid4, Announcer(Notifier(self.clock, uuid4)))
        self.evaluator = Evaluator(lifecycle, ConditionCache(self.compiler))

    async def observe(self, interpret: Callable[[], Finding | None]) -> None:
        async with self.units(self.world.scope) as unit:
            await self.evaluator.observe(unit, self.world.machine.id, interpret)

    async def anomaly(self, ratio: float = 2.0) -> None:
        await self.observe(lambda: of_anomaly(anomaly(self.world.machine.id, ratio)))

    @property
    def published(self) -> list[str]:
        return [getattr(e.payload, "change", "raised") for e in self.units.outbox.events]


async def test_a_message_of_a_machine_without_rules_is_not_interpreted() -> None:
    bench = Bench()

    def interpret() -> Finding:
        raise AssertionError("no rule watches this machine")

    await bench.observe(interpret)
    assert bench.published == []


async def test_a_message_that_does_not_satisfy_the_condition_changes_nothing() -> None:
    bench = Bench()
    await bench.world.store()
    await bench.anomaly(1.49)
    await bench.observe(lambda: of_failed(failed(bench.world.machine.id)))
    await bench.observe(lambda: None)
    assert (bench.published, bench.units.memory.alerts) == ([], {})


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
