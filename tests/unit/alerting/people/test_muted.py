"""What a rule says in its muted times: nothing; whatever is due then waits for their end."""

from dataclasses import replace

from services.alerting.alerts.domain import Change
from services.alerting.rules.signals import Severity
from tests.unit.alerting.database.repository_suite import NOW
from tests.unit.alerting.examples import condition
from tests.unit.alerting.people.plant import ADMINS, CMMS, HOOK, MINUTE, OPERATORS, Plant


def muted(plant: Plant, first: int, minutes: int) -> None:
    """Mute the rule of the plant for some minutes, `first` minutes from now."""
    start, end = (NOW + number * MINUTE for number in (first, first + minutes))
    days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    mute = {"days": days, "from": f"{start:%H:%M}", "to": f"{end:%H:%M}"}
    plant.rule = plant.world.rule = replace(
        plant.rule, condition=condition(schedule={"tz": "UTC", "mute": [mute]})
    )


async def test_reminders_and_escalations_wait_for_the_end_of_the_muted_time() -> None:
    plant = Plant(OPERATORS, replace(ADMINS, after=45 * MINUTE))
    muted(plant, 30, 60)
    await plant.built()
    await plant.raised()
    assert [line.split(":")[0] for line in await plant.pass_time(29)] == ["olga"]
    assert await plant.pass_time(60) == [], (
        "neither the escalation after 45 minutes nor the reminder after 60"
    )
    assert sorted(line.split(":")[0] for line in await plant.pass_time(1)) == ["anna", "olga"]
    [reminder] = await plant.pass_time(60)
    assert reminder.endswith("(Reminder: still open)")


async def test_what_got_worse_in_a_muted_time_is_told_once_at_its_end() -> None:
    plant = Plant(CMMS)
    muted(plant, 10, 30)
    await plant.built()
    alert = await plant.raised()
    assert await plant.pass_time(15) == [f"{HOOK}: alert.raised"]
    worse = plant.now_of(alert).rated(Severity.CRITICAL, plant.clock.now())
    await plant.change(worse, Change.SEVERITY_CHANGED)
    assert await plant.pass_time(24) == []
    assert await plant.pass_time(60) == [f"{HOOK}: alert.updated"]


async def test_a_resolve_in_a_muted_time_reaches_whoever_heard_the_raise_and_ends_what_waits() -> None:
    plant = Plant(CMMS, replace(ADMINS, after=20 * MINUTE))
    muted(plant, 10, 30)
    await plant.built()
    alert = await plant.raised()
    await plant.pass_time(25)
    await plant.resolve(alert)
    assert await plant.pass_time(60) == [f"{HOOK}: alert.resolved"]


async def test_a_rule_that_is_muted_for_good_tells_nobody() -> None:
    plant = Plant(OPERATORS)
    muted(plant, 0, 0)
    await plant.built()
    await plant.raised()
    assert await plant.pass_time(200) == []
