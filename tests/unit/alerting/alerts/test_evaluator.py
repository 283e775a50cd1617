"""Messages against rules, on fakes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from services.alerting.alerts.domain import Finding
from services.alerting.alerts.evaluator import Evaluator
from services.alerting.alerts.findings import of_anomaly, of_failed
from services.alerting.alerts.telling import Teller
from services.alerting.rules.condition_reader import read_condition
from shared.events.alerting import ALERT_CHANGED, ALERT_RAISED
from tests.support.fakes import FakeClock
from tests.unit.alerting.database.repository_suite import NOW, World
from tests.unit.alerting.examples import anomaly, condition, failed
from tests.unit.alerting.fakes import FakeUnits


class Bench:
    def __init__(self) -> None:
        self.units, self.clock = FakeUnits(), FakeClock(NOW)
        self.world = World(self.units)
        self.evaluator = Evaluator(self.clock, uuid4, Teller(self.clock, uuid4))

    async def observe(self, interpret: Callable[[], Finding | None]) -> None:
        async with self.units(self.world.scope) as unit:
            await self.evaluator.observe(unit, self.world.machine.id, interpret)

    async def anomaly(self, ratio: float = 2.0) -> None:
        await self.observe(lambda: of_anomaly(anomaly(self.world.machine.id, ratio)))

    @property
    def told(self) -> list[str]:
        return [getattr(e.payload, "change", "raised") for e in self.units.outbox.events]


async def test_a_message_of_a_machine_without_rules_is_not_even_interpreted() -> None:
    bench = Bench()

    def interpret() -> Finding:
        raise AssertionError("nobody watches this machine")

    await bench.observe(interpret)
    assert bench.told == []


async def test_what_does_not_fulfil_the_condition_leaves_no_trace() -> None:
    bench = Bench()
    await bench.world.store()
    await bench.anomaly(1.49)
    await bench.observe(lambda: of_failed(failed(bench.world.machine.id)))
    await bench.observe(lambda: None)
    assert (bench.told, bench.units.memory.alerts) == ([], {})


async def test_raised_once_then_told_seldom_and_delivered_for_what_notifies() -> None:
    bench = Bench()
    await bench.world.store()
    for _ in range(9):
        await bench.anomaly()
    assert bench.told == ["raised", "updated"]
    (raised,) = bench.units.outbox.payloads(ALERT_RAISED)
    (updated,) = bench.units.outbox.payloads(ALERT_CHANGED)
    assert (raised.count, updated.count, raised.alert_id) == (1, 2, updated.alert_id)
    (delivery,) = bench.units.memory.deliveries.values()
    assert (delivery.change, delivery.channel, delivery.attempt) == ("raised", "webhook:cmms", 1)
    assert delivery.message["type"] == "alert.raised"
    assert delivery.message["data"]["alert_id"] == str(raised.alert_id)


async def test_a_resolved_alert_opens_again_only_while_it_is_young() -> None:
    bench = Bench()
    document = condition(dedupe={"reopen_within": "PT1H"})
    bench.world.rule = replace(bench.world.rule, document=document, condition=read_condition(document))
    await bench.world.store()
    await bench.anomaly()
    for waited, change in ((timedelta(hours=1), "reopened"), (timedelta(hours=1, seconds=1), "raised")):
        (alert,) = [a for a in bench.units.memory.alerts.values() if a.resolved_at is None]
        bench.units.memory.alerts[alert.id] = alert.resolved(uuid4(), None, bench.clock.now())
        bench.clock.time += waited
        await bench.anomaly()
        assert bench.told[-1] == change
    assert len(bench.units.memory.alerts) == 2
