"""A timer fires once, at its time; it can be moved, cancelled, and set again while it fires."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from services.alerting.database.unit import Unit
from services.alerting.timer.runner import LEASE, TimerRunner, timer_worker
from services.alerting.timer.timers import QUEUE
from shared.access import Scope
from shared.jobs.leases import HeldLease, Priority
from shared.jobs.queue import LeaseLost
from tests.support.fakes import FakeClock
from tests.unit.alerting.database.repository_suite import NOW
from tests.unit.alerting.fakes import FakeUnits

MINUTE = timedelta(minutes=1)


class Setting:
    def __init__(self) -> None:
        self.clock = FakeClock(NOW)
        self.units = FakeUnits(self.clock)
        self.fired: list[tuple[UUID, datetime]] = []
        self.repeats = 0
        self.worker = timer_worker(self.units.queue, self.units, {"repeat": self.fire, "other": self.fire})

    async def fire(self, unit: Unit, subject_id: UUID) -> None:
        self.fired.append((subject_id, self.clock.now()))
        if self.repeats:
            self.repeats -= 1
            await unit.timers.schedule("repeat", subject_id, self.clock.now() + MINUTE)

    async def schedule(self, subject_id: UUID, due_at: datetime, kind: str = "repeat") -> None:
        async with self.units(Scope()) as unit:
            await unit.timers.schedule(kind, subject_id, due_at)


async def test_a_timer_fires_once_when_it_is_due() -> None:
    setting, subject = Setting(), uuid4()
    await setting.schedule(subject, NOW + MINUTE)
    assert await setting.worker.run_due() == 0
    setting.clock.time += MINUTE
    assert await setting.worker.run_due() == 1
    assert await setting.worker.run_due() == 0
    assert setting.fired == [(subject, NOW + MINUTE)]


async def test_a_timer_is_moved_and_cancelled_by_kind_and_subject() -> None:
    setting, moved, cancelled = Setting(), uuid4(), uuid4()
    await setting.schedule(moved, NOW)
    await setting.schedule(moved, NOW + 2 * MINUTE)
    await setting.schedule(cancelled, NOW)
    await setting.schedule(cancelled, NOW, kind="other")
    async with setting.units(Scope()) as unit:
        await unit.timers.cancel("repeat", cancelled)
    assert await setting.worker.run_due() == 1, "only the other kind"
    setting.clock.time += 2 * MINUTE
    assert await setting.worker.run_due() == 1
    assert [subject for subject, _ in setting.fired] == [cancelled, moved]


async def test_a_timer_may_set_itself_again_while_it_fires() -> None:
    setting, subject = Setting(), uuid4()
    setting.repeats = 2
    await setting.schedule(subject, NOW)
    for _ in range(5):
        await setting.worker.run_due()
        setting.clock.time += MINUTE
    assert [at for _, at in setting.fired] == [NOW, NOW + MINUTE, NOW + 2 * MINUTE]


async def test_an_instance_that_lost_its_lease_does_not_end_the_timer() -> None:
    setting, subject = Setting(), uuid4()
    await setting.schedule(subject, NOW)
    [job] = await setting.units.queue.claim(QUEUE, 1, lease=LEASE)
    setting.clock.time += LEASE + MINUTE
    [other] = await setting.units.queue.claim(QUEUE, 1, lease=LEASE)
    lease = HeldLease(job, LEASE, Priority(), sent_at=0.0)
    with pytest.raises(LeaseLost):
        await TimerRunner(setting.units, setting.fire).run(job, lease)
    await TimerRunner(setting.units, setting.fire).run(other, lease)
    assert await setting.worker.run_due() == 0
