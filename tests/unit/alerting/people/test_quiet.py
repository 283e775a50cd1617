"""When nobody is told of an alert, and when it is told after all: silences, windows, more severe alerts."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.alerting.alerts.domain import AlertStatus, Change, Resolution
from services.alerting.alerts.service import Acknowledgement
from services.alerting.deliveries.domain import (
    DeliveryStatus,
)
from services.alerting.maintenance_windows.domain import Schedule
from services.alerting.resources.domain import Kind
from services.alerting.rules.domain import Rule
from services.alerting.rules.signals import Severity
from tests.support.fakes import caller
from tests.unit.alerting.database.repository_suite import NOW, make_alert, make_rule
from tests.unit.alerting.examples import condition, leaf
from tests.unit.alerting.people.plant import CMMS, HOOK, MINUTE, OPERATORS, Plant


async def test_a_resolve_within_a_silence_reaches_whoever_heard_the_raise() -> None:
    plant = await Plant(CMMS).built()
    alert = await plant.raised()
    await plant.pass_time()
    await plant.silence(60)
    await plant.resolve(alert)
    assert await plant.pass_time() == [f"{HOOK}: alert.resolved"]


async def test_whoever_did_not_hear_the_raise_does_not_hear_the_resolve() -> None:
    plant = await Plant(CMMS).built()
    await plant.silence(60)
    alert = await plant.raised()
    await plant.resolve(alert)
    assert await plant.pass_time(90) == []
    assert plant.statuses() == [DeliveryStatus.SUPPRESSED]


async def test_an_alert_that_a_silence_outlived_is_told_when_it_ends() -> None:
    plant = await Plant(CMMS).built()
    await plant.silence(30, rule_ids=[str(plant.rule.id)])
    await plant.raised()
    assert await plant.pass_time(29) == []
    assert await plant.pass_time(2) == [f"{HOOK}: alert.raised"]


async def test_a_silence_that_is_ended_early_lets_its_alerts_be_told() -> None:
    plant = await Plant(CMMS).built()
    silence = await plant.silence(600)
    await plant.raised()
    assert await plant.pass_time(1) == []
    async with plant.units(plant.world.scope) as unit:
        await unit.resources.update(silence.changed(plant.clock.now(), ends_at=plant.clock.now()))
        await plant.notifier.wake_suppressed(unit)
    assert await plant.pass_time() == [f"{HOOK}: alert.raised"]


async def test_a_silence_that_ends_while_an_alert_is_raised_does_not_keep_it_quiet() -> None:
    """Whoever ends it does not see an uncommitted alert, and whoever raises the alert saw the silence."""
    plant = await Plant(OPERATORS).built()
    await plant.silence(60)
    await plant.raised()
    assert await plant.pass_time() == []
    plant.units.memory.resources.clear()
    assert len(await plant.pass_time(6)) == 1


async def test_what_got_worse_within_a_silence_is_told_when_it_ends() -> None:
    plant = await Plant(CMMS).built()
    alert = await plant.raised()
    await plant.pass_time()
    await plant.silence(30)
    await plant.change(
        plant.now_of(alert).rated(Severity.CRITICAL, plant.clock.now()), Change.SEVERITY_CHANGED
    )
    assert await plant.pass_time(29) == []
    assert await plant.pass_time(2) == [f"{HOOK}: alert.updated"]
    assert await plant.pass_time(60) == [], "once"


@pytest.mark.parametrize(
    ("matcher", "quiet"),
    [
        ({"tags": ["pumps", "x"]}, True),
        ({"tags": ["fans"]}, False),
        ({"locations": ["Hall 2"]}, True),
        ({"locations": ["Hall 3"]}, False),
        ({"max_severity": "medium"}, True),
        ({"max_severity": "low"}, False),
        ({"tags": ["pumps"], "locations": ["Hall 3"]}, False),
    ],
)
async def test_a_silence_matches_by_all_its_criteria(matcher: dict[str, Any], quiet: bool) -> None:
    plant = Plant(CMMS)
    plant.world.machine = replace(plant.world.machine, tags=("pumps",), location="Hall 2")
    await plant.built()
    await plant.silence(60, **matcher)
    await plant.raised()
    assert await plant.pass_time() == ([] if quiet else [f"{HOOK}: alert.raised"])


async def test_a_recurring_window_keeps_quiet_while_it_lasts() -> None:
    plant = await Plant(CMMS).built()
    nightly = Schedule(NOW.replace(tzinfo=None) - timedelta(days=3), 20 * MINUTE, "UTC", "FREQ=DAILY")
    document = {"reason": "r", "matcher": {}, "schedule": nightly.stored()}
    await plant.resource(Kind.MAINTENANCE_WINDOW, "w", document)
    await plant.raised()
    assert await plant.pass_time(19) == []
    assert await plant.pass_time(2) == [f"{HOOK}: alert.raised"]


async def inhibiting(plant: Plant) -> Rule:
    """A rule whose alerts keep less severe ones of the machine back."""
    failing = make_rule(
        plant.world.machine,
        plant.world.user_id,
        condition=condition(leaf("failing", signal="health.state", op="eq")),
    )
    failing = replace(failing, actions=plant.actions(failing.id, (CMMS,)), name="Failing")
    async with plant.units(plant.world.scope) as unit:
        await unit.rules.add(failing)
    return failing


async def test_a_failing_machine_keeps_its_less_severe_alerts_quiet_until_it_is_over() -> None:
    plant = await Plant(CMMS).built()
    failing = await inhibiting(plant)
    severe = await plant.raised(failing, Severity.CRITICAL)
    await plant.raised()
    assert await plant.pass_time(5) == [f"{HOOK}: alert.raised"]
    await plant.resolve(severe, failing)
    assert sorted(await plant.pass_time(1)) == [f"{HOOK}: alert.raised", f"{HOOK}: alert.resolved"]


async def test_what_is_not_raised_yet_keeps_nothing_back() -> None:
    plant = await Plant(CMMS).built()
    failing = await inhibiting(plant)
    async with plant.units(plant.world.scope) as unit:
        await unit.alerts.add(make_alert(failing, Severity.CRITICAL, status=AlertStatus.PENDING))
    await plant.raised()
    assert await plant.pass_time(0) == [f"{HOOK}: alert.raised"]


async def test_an_alert_is_told_when_what_kept_it_back_ends_without_a_word() -> None:
    plant = await Plant(CMMS).built()
    failing = await inhibiting(plant)
    severe = await plant.raised(failing, Severity.CRITICAL)
    await plant.raised()
    assert await plant.pass_time(1) == [f"{HOOK}: alert.raised"]
    async with plant.units(plant.world.scope) as unit:
        over = plant.now_of(severe).resolved(None, Resolution("muted"), plant.clock.now())
        await unit.alerts.update(over)
    assert await plant.pass_time(5) == [f"{HOOK}: alert.raised"]


async def test_what_people_do_about_a_muted_alert_tells_nobody_until_one_reopens_it() -> None:
    plant = await Plant(CMMS).built()
    alert = make_alert(plant.rule, created_at=plant.clock.now(), untold=True)
    engineer = caller(plant.world.organization_id)
    async with plant.units(plant.world.scope) as unit:
        await unit.alerts.add(alert)
        await plant.alerts.comment(unit, engineer, alert.id, "Seen")
        await plant.alerts.acknowledge_as(unit, Acknowledgement(plant.world.user_id), alert.id)
        await plant.alerts.resolve(unit, engineer, alert.id, Resolution("done"))
    assert await plant.pass_time(1) == []
    async with plant.units(plant.world.scope) as unit:
        await plant.alerts.reopen(unit, engineer, alert.id, None)
    assert await plant.pass_time(1) == [f"{HOOK}: alert.reopened"]
