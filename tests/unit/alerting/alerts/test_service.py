"""What people do with alerts, on fakes."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.alerting.alerts.announcer import Announcer
from services.alerting.alerts.bulk import Bulk, change_all
from services.alerting.alerts.domain import Alert, AlertFilter, AlertOutcome, AlertStatus, Resolution
from services.alerting.alerts.errors import (
    AlertIsAcknowledged,
    AlertIsOpen,
    AlertIsPending,
    AlertIsResolved,
    AlertNotFound,
    AnotherIsOpen,
    ExpiresInThePast,
    MemberNotFound,
)
from services.alerting.alerts.service import AlertService
from services.alerting.deliveries.notifier import Notifier
from services.alerting.replicas.domain import MemberRef
from services.alerting.replicas.service import ReplicaService
from services.alerting.timer.kinds import ACKNOWLEDGEMENT_EXPIRY
from services.alerting.timer.runner import timer_worker
from shared.access import Caller, Role
from shared.audit import Auditor
from shared.errors import Unprocessable
from tests.support.fakes import FakeClock
from tests.unit.alerting.database.repository_suite import NOW, World
from tests.unit.alerting.fakes import FakeUnits

HOUR = timedelta(hours=1)


class Desk:
    """An open alert, and two people who look after it."""

    def __init__(self) -> None:
        self.clock = FakeClock(NOW)
        self.units = FakeUnits(self.clock)
        self.world = World(self.units)
        announcer = Announcer(Notifier(self.clock, uuid4))
        self.service = AlertService(self.clock, Auditor(self.clock), ReplicaService(), announcer)
        handlers = {ACKNOWLEDGEMENT_EXPIRY: self.service.expire_acknowledgement}
        self.timers = timer_worker(self.units.queue, self.units, handlers)
        self.ann, self.bob = self.person("Ann"), self.person("Bob")

    def person(self, name: str) -> Caller:
        organization_id = self.world.organization_id
        return Caller(uuid4(), f"{name}@example.org", name, organization_id, Role.OPERATOR, "token")

    async def alert(self, **fields: Any) -> UUID:
        return (await self.world.alert(**fields)).id

    async def act(self, use: str, caller: Caller, *arguments: Any) -> Alert:
        async with self.units(self.world.scope) as unit:
            changed: Alert = await getattr(self.service, use)(unit, caller, *arguments)
            return changed

    @property
    def published(self) -> list[str]:
        return [
            event.payload.change for event in self.units.outbox.events if hasattr(event.payload, "change")
        ]

    @property
    def audited(self) -> list[str]:
        return [
            event.payload.action for event in self.units.outbox.events if hasattr(event.payload, "action")
        ]


@pytest.fixture
async def desk() -> Desk:
    desk = Desk()
    await desk.world.store()
    return desk


async def test_a_second_acknowledgement_is_told_who_has_the_alert(desk: Desk) -> None:
    alert_id = await desk.alert()
    await desk.act("acknowledge", desk.ann, alert_id, "replacing the bearing")
    with pytest.raises(AlertIsAcknowledged, match="Ann acknowledged") as refused:
        await desk.act("acknowledge", desk.bob, alert_id, "mine")
    assert refused.value.extra["code"] == "alert_acknowledged"
    assert refused.value.extra["params"]["acknowledged_by"] == desk.ann.user_id
    assert refused.value.extra["params"]["note"] == "replacing the bearing"
    again = await desk.act("acknowledge", desk.ann, alert_id, None)
    assert again.acknowledge_note == "replacing the bearing", "the same again changes nothing"
    noted = await desk.act("acknowledge", desk.ann, alert_id, "done at noon")
    assert noted.acknowledge_note == "done at noon", "a note is never dropped"
    await desk.act("unacknowledge", desk.bob, alert_id, "Ann is off shift")
    assert (await desk.act("acknowledge", desk.bob, alert_id, None)).acknowledged_by == desk.bob.user_id
    assert desk.published == ["acknowledged", "acknowledged", "unacknowledged", "acknowledged"]
    assert desk.audited == [f"alert.{change}" for change in desk.published]


async def test_an_acknowledgement_expires_by_itself(desk: Desk) -> None:
    alert_id = await desk.alert()
    with pytest.raises(ExpiresInThePast):
        await desk.act("acknowledge", desk.ann, alert_id, None, NOW)
    await desk.act("acknowledge", desk.ann, alert_id, None, NOW + HOUR)
    await desk.act("acknowledge", desk.ann, alert_id, "longer", NOW + 2 * HOUR)
    desk.clock.time = NOW + HOUR
    assert await desk.timers.run_due() == 0, "the timer was moved"
    desk.clock.time = NOW + 2 * HOUR
    assert await desk.timers.run_due() == 1
    assert desk.units.memory.alerts[alert_id].acknowledged_at is None
    ended = desk.units.outbox.events[-1].payload
    assert (ended.change, ended.changed_by, ended.code) == ("unacknowledged", None, "acknowledgement_expired")


async def test_nothing_expires_of_an_alert_that_was_resolved_or_taken_over(desk: Desk) -> None:
    resolved = await desk.alert()
    await desk.act("acknowledge", desk.ann, resolved, None, NOW + HOUR)
    await desk.act("resolve", desk.ann, resolved, Resolution())
    taken = await desk.alert()
    await desk.act("acknowledge", desk.ann, taken, None, NOW + HOUR)
    await desk.act("unacknowledge", desk.bob, taken, None)
    await desk.act("acknowledge", desk.bob, taken, None)
    desk.clock.time = NOW + HOUR
    assert await desk.timers.run_due() == 2
    assert desk.units.memory.alerts[resolved].acknowledged_by == desk.ann.user_id
    assert desk.units.memory.alerts[taken].acknowledged_by == desk.bob.user_id


async def test_an_alert_is_assigned_to_an_active_member_only(desk: Desk) -> None:
    alert_id = await desk.alert()
    member = MemberRef(desk.world.organization_id, uuid4(), "c@example.org", "C", "viewer", True, False, 1)
    gone = replace(member, user_id=uuid4(), deleted=True)
    async with desk.units(desk.world.scope) as unit:
        await unit.replicas.merge_member(member)
        await unit.replicas.merge_member(gone)
    for user_id in (uuid4(), gone.user_id):
        with pytest.raises(MemberNotFound):
            await desk.act("assign", desk.ann, alert_id, user_id, None)
    assert (
        await desk.act("assign", desk.ann, alert_id, member.user_id, "yours")
    ).assigned_to == member.user_id
    await desk.act("assign", desk.ann, alert_id, member.user_id, None)
    assert (await desk.act("assign", desk.ann, alert_id, None, None)).assigned_to is None
    assert desk.published == ["assigned", "assigned"], "the same again changes nothing"


async def test_outcome_and_fault_code_may_be_known_later(desk: Desk) -> None:
    alert_id = await desk.alert()
    done = await desk.act("resolve", desk.ann, alert_id, Resolution("bearing changed"))
    assert (done.status, done.outcome) == (AlertStatus.RESOLVED, None)
    known = Resolution(outcome=AlertOutcome.TRUE_ALARM, fault_code="BRG-02")
    later = await desk.act("resolve", desk.bob, alert_id, known)
    assert (later.resolved_by, later.resolve_note) == (desk.ann.user_id, "bearing changed")
    assert (later.outcome, later.fault_code) == (AlertOutcome.TRUE_ALARM, "BRG-02")
    assert await desk.act("resolve", desk.bob, alert_id, Resolution()) == later
    assert desk.published == ["resolved", "resolved"]
    assert desk.units.outbox.events[-2].payload.outcome == "true_alarm"


async def test_a_resolved_alert_is_commented_on_and_reopened_and_not_acknowledged(desk: Desk) -> None:
    alert_id = await desk.alert()
    with pytest.raises(AlertIsOpen):
        await desk.act("reopen", desk.ann, alert_id, None)
    await desk.act("resolve", desk.ann, alert_id, Resolution("done", outcome=AlertOutcome.FALSE_ALARM))
    await desk.act("comment", desk.bob, alert_id, "it still rattles")
    for use in ("acknowledge", "unacknowledge"):
        with pytest.raises(AlertIsResolved):
            await desk.act(use, desk.bob, alert_id, None)
    again = await desk.act("reopen", desk.bob, alert_id, "not done")
    assert (again.status, again.outcome, again.resolve_note) == (AlertStatus.ACTIVE, None, None)
    assert desk.published == ["resolved", "commented", "reopened"]
    async with desk.units(desk.world.scope) as unit:
        kept = await unit.alerts.changes_of(alert_id)
    assert [change.reason for change in kept] == ["done", "it still rattles", "not done"]


async def test_no_alert_is_reopened_beside_another_one_of_its_rule(desk: Desk) -> None:
    first = await desk.alert()
    await desk.act("resolve", desk.ann, first, Resolution())
    second = await desk.alert()
    with pytest.raises(AnotherIsOpen, match=str(second)):
        await desk.act("reopen", desk.ann, first, None)
    assert desk.units.memory.alerts[first].status is AlertStatus.RESOLVED


@pytest.mark.parametrize(
    ("use", "arguments"),
    [
        ("acknowledge", (None,)),
        ("unacknowledge", (None,)),
        ("assign", (None, None)),
        ("comment", ("text",)),
        ("resolve", (Resolution(),)),
        ("reopen", (None,)),
    ],
)
async def test_nothing_is_done_to_pending_and_unknown_alerts(
    desk: Desk, use: str, arguments: tuple[Any, ...]
) -> None:
    pending = await desk.alert(status=AlertStatus.PENDING)
    with pytest.raises(AlertIsPending):
        await desk.act(use, desk.ann, pending, *arguments)
    with pytest.raises(AlertNotFound):
        await desk.act(use, desk.ann, uuid4(), *arguments)
    assert desk.published == []


async def test_a_bulk_action_changes_what_it_can_and_says_why_not(desk: Desk) -> None:
    done = await desk.alert(status=AlertStatus.RESOLVED)
    taken = await desk.alert(acknowledged_by=desk.bob.user_id, acknowledged_at=NOW, dedupe_key="taken")
    free, unknown = await desk.alert(), uuid4()
    wanted = Bulk("acknowledge", [done, taken, free, unknown, free], Resolution("all mine"))
    async with desk.units(desk.world.scope) as unit:
        results = await change_all(desk.service, unit, desk.ann, wanted)
    assert [(r.alert_id, r.error.extra["code"] if r.error else None) for r in results] == [
        (done, "alert_resolved"),
        (taken, "alert_acknowledged"),
        (free, None),
        (unknown, "alert_not_found"),
    ]
    assert desk.units.memory.alerts[free].acknowledge_note == "all mine"
    with pytest.raises(Unprocessable):
        async with desk.units(desk.world.scope) as unit:
            await change_all(desk.service, unit, desk.ann, Bulk("comment", [free]))


async def test_lists_and_counts_show_no_pending_alert_unless_it_is_asked_for(desk: Desk) -> None:
    await desk.alert(status=AlertStatus.PENDING, dedupe_key="pending")
    await desk.alert(status=AlertStatus.RESOLVED)
    await desk.alert(acknowledged_at=NOW)
    async with desk.units(desk.world.scope) as unit:
        counts = await desk.service.count(unit, AlertFilter())
        assert (counts.total, counts.open, counts.unacknowledged) == (2, 1, 0)
        assert counts.by_status == {"pending": 0, "active": 1, "recovering": 0, "resolved": 1}
        assert (await desk.service.count(unit, AlertFilter(status=AlertStatus.PENDING))).total == 1
        assert (await desk.service.count(unit, AlertFilter(open=True, unacknowledged=True))).total == 0
