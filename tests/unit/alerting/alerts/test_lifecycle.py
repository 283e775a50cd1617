"""What rules say about alerts, and what becomes of them, on fakes."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.alerting.alerts.announcer import Announcer
from services.alerting.alerts.changes import Transition, TransitionKind
from services.alerting.alerts.domain import Alert, AlertStatus, Change, Resolution
from services.alerting.alerts.lifecycle import AlertLifecycle
from services.alerting.deliveries.notifier import Notifier
from services.alerting.rules.signals import Severity
from tests.support.fakes import FakeClock
from tests.unit.alerting.database.repository_suite import NOW, World
from tests.unit.alerting.examples import SAMPLE_TIME, anomaly, of_anomaly
from tests.unit.alerting.fakes import FakeUnits

PENDING, RAISE, NO_DATA = TransitionKind.PENDING, TransitionKind.RAISE, TransitionKind.NO_DATA
SEVERITY, RECOVER, CLEAR = TransitionKind.SEVERITY, TransitionKind.RECOVER, TransitionKind.CLEAR


class Bench:
    def __init__(self) -> None:
        self.clock = FakeClock(NOW)
        self.units = FakeUnits(self.clock)
        self.world = World(self.units)
        self.lifecycle = AlertLifecycle(self.clock, uuid4, Announcer(Notifier(self.clock, uuid4)))

    def transition(self, kind: TransitionKind, ratio: float = 2.0, **more: Any) -> Transition:
        finding = of_anomaly(anomaly(self.world.machine.id, ratio))
        rule, severity = self.world.rule, more.pop("severity", Severity.MEDIUM)
        return Transition(kind, rule, "Pump 7", SAMPLE_TIME, severity, finding, **more)

    async def say(self, *kinds: TransitionKind, **more: Any) -> list[Change]:
        return await self.apply(*(self.transition(kind, **more) for kind in kinds))

    async def apply(self, *transitions: Transition) -> list[Change]:
        async with self.units(self.world.scope) as unit:
            return [change.kind for change in await self.lifecycle.apply(unit, transitions)]

    @property
    def alerts(self) -> list[Alert]:
        return list(self.units.memory.alerts.values())

    @property
    def statuses(self) -> list[AlertStatus]:
        return [alert.status for alert in self.alerts]

    @property
    def published(self) -> list[str]:
        return [getattr(e.payload, "change", "raised") for e in self.units.outbox.events]


@pytest.fixture
async def bench() -> Bench:
    bench = Bench()
    await bench.world.store()
    return bench


async def test_an_alert_goes_through_its_whole_life(bench: Bench) -> None:
    assert await bench.say(PENDING) == []
    assert bench.statuses == [AlertStatus.PENDING]
    assert bench.published == [], "nobody is told of a pending alert"
    assert await bench.say(RAISE) == [Change.RAISED]
    assert await bench.say(RECOVER) == [Change.RECOVERING]
    assert await bench.say(RECOVER) == []
    assert await bench.say(RAISE) == [Change.UPDATED], "the fault is back"
    assert bench.statuses == [AlertStatus.ACTIVE]
    assert await bench.say(RECOVER, CLEAR, reason="No finding for 6 hours.") == ["recovering", "resolved"]
    [alert] = bench.alerts
    assert (alert.status, alert.resolve_code, alert.resolve_note) == (
        AlertStatus.RESOLVED,
        "cleared",
        "No finding for 6 hours.",
    )
    assert bench.published == ["raised", "recovering", "updated", "recovering", "resolved"]


@pytest.mark.parametrize("end", [RECOVER, CLEAR])
async def test_a_pending_alert_that_ends_was_none(bench: Bench, end: TransitionKind) -> None:
    assert await bench.say(PENDING, PENDING, end) == []
    assert (bench.alerts, bench.published) == ([], [])
    assert await bench.say(RAISE) == [Change.RAISED]


async def test_an_alert_is_raised_when_its_trigger_fires_not_when_it_was_pending(bench: Bench) -> None:
    await bench.say(PENDING)
    bench.clock.time = NOW + timedelta(hours=6)
    assert await bench.say(RAISE) == [Change.RAISED]
    assert bench.alerts[0].created_at == NOW + timedelta(hours=6), "it counts for this shift"


@pytest.mark.parametrize(("later", "reopens"), [(timedelta(hours=1), True), (timedelta(hours=3), False)])
async def test_a_pending_alert_continues_the_one_resolved_recently(
    bench: Bench, later: timedelta, reopens: bool
) -> None:
    within = timedelta(hours=2)
    await bench.say(PENDING, RAISE, CLEAR)
    [first] = bench.alerts
    bench.clock.time = NOW + later
    assert await bench.say(PENDING, reopen_within=within) == []
    change = Change.REOPENED if reopens else Change.RAISED
    assert await bench.say(RAISE, reopen_within=within) == [change]
    present = next(alert for alert in bench.alerts if alert.is_open)
    assert (present.id == first.id) is reopens
    assert present.count == (4 if reopens else 2), "no finding is lost"
    assert len(bench.alerts) == (1 if reopens else 2)


@pytest.mark.parametrize("kind", [SEVERITY, RECOVER, CLEAR])
async def test_nothing_ends_that_has_not_begun(bench: Bench, kind: TransitionKind) -> None:
    assert await bench.say(kind) == []
    assert bench.alerts == []


async def test_severity_goes_up_and_down_and_only_a_rise_ends_the_acknowledgement(bench: Bench) -> None:
    await bench.say(RAISE)
    [alert] = bench.alerts
    bench.units.memory.alerts[alert.id] = alert.acknowledged(uuid4(), "on it", NOW)
    assert await bench.say(SEVERITY) == [], "it has this severity"
    assert await bench.say(SEVERITY, severity=Severity.LOW) == [Change.SEVERITY_CHANGED]
    assert bench.alerts[0].acknowledge_note == "on it"
    assert await bench.say(SEVERITY, severity=Severity.CRITICAL) == [Change.SEVERITY_CHANGED]
    assert bench.alerts[0].acknowledged_at is None


async def test_one_transition_stands_for_a_block_of_samples(bench: Bench) -> None:
    first_at = SAMPLE_TIME - timedelta(hours=2)
    await bench.apply(bench.transition(RAISE, ratio=4, count=500, first_at=first_at))
    await bench.apply(bench.transition(RAISE, ratio=3, count=501))
    [alert] = bench.alerts
    assert (alert.count, alert.first_seen_at, alert.last_seen_at) == (1001, first_at, SAMPLE_TIME)
    assert alert.worst_distance_ratio == 4
    assert bench.published == ["raised", "updated"], "1,000 findings lie between"


async def test_a_sample_of_the_future_does_not_pin_when_the_fault_was_seen_last(bench: Bench) -> None:
    future = replace(bench.transition(RAISE), at=NOW + timedelta(days=400))
    await bench.apply(future)
    await bench.apply(future)
    assert bench.alerts[0].last_seen_at == NOW


async def test_late_samples_are_recorded_and_published_and_notify_nobody(bench: Bench) -> None:
    await bench.say(RAISE, quiet=True)
    assert bench.published == ["raised"]
    assert [change.quiet for change in bench.units.memory.changes] == [True]
    assert bench.units.memory.deliveries == {}
    await bench.say(CLEAR)
    await bench.say(RAISE)
    assert bench.units.memory.deliveries != {}


async def test_a_resolution_reaches_whoever_was_notified_before_the_alert_rose_unseen(bench: Bench) -> None:
    """Within a muted time, or through late samples, it rose without notifying anybody."""
    await bench.say(RAISE)
    told = len(bench.units.memory.deliveries)
    await bench.say(RAISE, quiet="muted", severity=Severity.HIGH)
    assert len(bench.units.memory.deliveries) == told
    await bench.say(CLEAR)
    assert [each.change for each in bench.units.memory.deliveries.values()][told:] == ["resolved"]


async def test_the_resolution_of_an_alert_that_nobody_heard_of_notifies_nobody(bench: Bench) -> None:
    actions = replace(bench.world.rule.actions, on=("resolved",))
    bench.world.rule = replace(bench.world.rule, actions=actions)
    await bench.say(RAISE, quiet="late")
    await bench.say(CLEAR)
    assert bench.units.memory.deliveries == {}


async def test_missing_data_open_and_continue_an_alert(bench: Bench) -> None:
    assert await bench.say(NO_DATA, NO_DATA) == [Change.RAISED, Change.UPDATED]


async def test_a_rule_may_keep_several_alerts_apart(bench: Bench) -> None:
    one, two = (bench.transition(RAISE, key=key) for key in ("bearing", "gear"))
    assert await bench.apply(one, two, one) == ["raised", "raised", "updated"]
    assert sorted(alert.dedupe_key for alert in bench.alerts) == ["bearing", "gear"]


async def test_an_alert_that_is_cleared_and_raised_in_one_block_is_two(bench: Bench) -> None:
    assert await bench.say(RAISE, CLEAR, RAISE) == ["raised", "resolved", "raised"]
    assert [alert.is_open for alert in bench.alerts] == [False, True]


async def test_it_reopens_within_its_interval(bench: Bench) -> None:
    again = bench.transition(RAISE, reopen_within=timedelta(hours=1))
    assert await bench.apply(again, bench.transition(CLEAR), again) == ["raised", "resolved", "reopened"]
    [alert] = bench.alerts
    assert (alert.status, alert.resolve_code, alert.count) == (AlertStatus.ACTIVE, None, 2)


async def test_the_end_of_a_rule_resolves_its_alert_and_tells_those_concerned(bench: Bench) -> None:
    await bench.say(RAISE)
    told = len(bench.units.memory.deliveries)
    async with bench.units(bench.world.scope) as unit:
        how = Resolution("The rule was switched off.", "rule_switched_off")
        await bench.lifecycle.close_of_rule(unit, bench.world.rule, how, by=bench.world.user_id)
    [alert] = bench.alerts
    assert (alert.status, alert.resolve_code) == (AlertStatus.RESOLVED, "rule_switched_off")
    resolved = bench.units.outbox.events[-1].payload
    assert (resolved.change, resolved.note, resolved.code) == (
        "resolved",
        "The rule was switched off.",
        "rule_switched_off",
    )
    assert len(bench.units.memory.deliveries) == told + 1


async def test_every_change_but_a_continuation_is_kept_for_the_timeline(bench: Bench) -> None:
    await bench.say(RAISE, RAISE, SEVERITY, RECOVER, severity=Severity.HIGH)
    await bench.say(CLEAR)
    async with bench.units(bench.world.scope) as unit:
        kept = [change.kind for change in await unit.alerts.changes_of(bench.alerts[0].id)]
    assert kept == ["raised", "recovering", "resolved"]
