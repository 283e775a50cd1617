"""Decides whom a change of an alert is told, and puts the messages into the queue.

What was told is read from the deliveries themselves, so nothing is told twice and nothing forgotten, whatever
restarts in between. Callers hold the lock of the alert, and commit.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from services.alerting.alerts.changes import AlertChange
from services.alerting.alerts.domain import Alert, Change
from services.alerting.contact_points.recipients import Recipients
from services.alerting.database.unit import Unit
from services.alerting.deliveries.domain import (
    MESSAGE_JOB,
    QUEUE,
    Delivery,
    DeliveryStatus,
    Target,
    Told,
    lane_of,
)
from services.alerting.deliveries.escalation import Step, plan
from services.alerting.deliveries.messages import group_key, message_of
from services.alerting.reasons import Reason
from services.alerting.rules.domain import Rule
from services.alerting.silences.domain import Quiet
from services.alerting.silences.quiet import LOOK_AGAIN, inhibits, quiet
from services.alerting.timer.kinds import NOTIFY
from shared.clock import Clock, IdGenerator
from shared.jobs.queue import NewJob

ESCALATED, REMINDER = "escalated", "reminder"
NOBODY = Target("nobody", "email", "nobody")
NOBODY_REASON = Reason("nobody can be reached: the role is empty, or nobody is on call", "nobody")


class Notifier:
    def __init__(self, clock: Clock, new_id: IdGenerator, public_url: str = "") -> None:
        """`public_url` begins the links in messages."""
        self.clock = clock
        self.new_id = new_id
        self.public_url = public_url.rstrip("/")

    async def notify(self, unit: Unit, rule: Rule, change: AlertChange) -> None:
        """Tell whom the rule names of a change that was recorded."""
        alert, now = change.alert, self.clock.now()
        telling = _Telling(self, unit, rule, change, now)
        if change.kind in (Change.RAISED, Change.REOPENED):
            await telling.advance((now, change.kind))
            return
        opened = await _opened(unit, alert)
        if change.kind in rule.actions.on:
            await telling.tell_change(opened)
        if not alert.is_open:
            await self._end(unit, rule, alert, now)
        elif change.kind is not Change.UPDATED:
            await telling.advance(opened)

    async def on_timer(self, unit: Unit, alert_id: UUID) -> None:
        """Take the steps that are due."""
        alert = await unit.alerts.lock(alert_id)
        if alert is None or not alert.is_open:
            return
        rule = await unit.rules.get(alert.alert_rule_id)
        if rule is None or not rule.is_active:
            return
        now = self.clock.now()
        telling = _Telling(self, unit, rule, AlertChange(alert, Change.UPDATED, now), now)
        await telling.advance(await _opened(unit, alert))

    async def wake_suppressed(self, unit: Unit) -> None:
        """Look again at open alerts of which somebody was not told: a silence or a window has changed."""
        now = self.clock.now()
        for alert_id in await unit.ledger.open_and_suppressed():
            await unit.timers.schedule(NOTIFY, alert_id, now)

    async def _end(self, unit: Unit, rule: Rule, alert: Alert, now: datetime) -> None:
        await unit.timers.cancel(NOTIFY, alert.id)
        await unit.ledger.revoke_links(alert.id, now)
        if inhibits(rule):
            for other in await unit.ledger.open_beside(alert.machine_id):
                if other.id != alert.id and other.severity < alert.severity:
                    await unit.timers.schedule(NOTIFY, other.id, now)


class _Telling:
    """One change of one alert."""

    def __init__(
        self, notifier: Notifier, unit: Unit, rule: Rule, change: AlertChange, now: datetime
    ) -> None:
        self._notifier = notifier
        self._unit = unit
        self._rule = rule
        self._change = change
        self._alert = change.alert
        self._now = now
        self._recipients = Recipients(unit, rule, change.alert, now)
        self._look_again_at: datetime | None = None

    async def tell_change(self, opened: tuple[datetime, str]) -> None:
        """Tell those who heard of the alert, and those whom the rule tells at once.

        A resolve goes to those who heard of the alert, also within a silence, and to nobody else.
        """
        change, (opened_at, opened_by) = self._change.kind, opened
        ledger = await self._unit.ledger.told(self._alert.id, opened_at)
        targets = {each.target_key: (each.step, _target_of(each)) for each in ledger if not each.suppressed}
        heard_only = change is Change.RESOLVED and (self._alert.untold or opened_by in self._rule.actions.on)
        if not heard_only:
            for index, step in enumerate(self._rule.actions.steps):
                if not step.after:
                    for target in await self._recipients.of_step(step):
                        targets.setdefault(target.key, (index, target))
        hush = None if change is Change.RESOLVED or not targets else await self._quiet()
        self._look_again_at = self._after(hush) if hush else None
        for index, target in targets.values():
            await self._put(target, change, index, hush)

    async def advance(self, opened: tuple[datetime, str]) -> None:
        """Take the steps that are due, and set the timer for the next one."""
        opened_at, opened_by = opened
        steps = self._rule.actions.steps if opened_by in self._rule.actions.on else ()
        ledger = await self._unit.ledger.told(self._alert.id, opened_at) if steps else []
        acknowledged = self._alert.acknowledged_at is not None
        told, missed = _last(ledger, suppressed=False), _last(ledger, suppressed=True)
        coming = plan(steps, opened_at, told, acknowledged=acknowledged, now=self._now)
        due = {
            index: REMINDER if repeats else ESCALATED if steps[index].after else opened_by
            for index, repeats in coming.due
        }
        # What a silence kept back after something was told is told as the present state.
        for index, at in missed.items():
            if index in told and at >= told[index] and index < len(steps):
                due.setdefault(index, Change.UPDATED)
        hush = await self._quiet() if due else None
        for index, change in due.items():
            if hush is None or index not in missed:
                await self._tell_step(index, steps[index], change, hush)
        next_at = self._after(hush) if hush else _earliest(coming.next_at, self._look_again_at)
        if next_at is not None:
            await self._unit.timers.schedule(NOTIFY, self._alert.id, next_at)
        else:
            await self._unit.timers.cancel(NOTIFY, self._alert.id)

    async def _tell_step(self, index: int, step: Step, change: str, hush: Quiet | None) -> None:
        targets = await self._recipients.of_step(step)
        for target in targets:
            await self._put(target, change, index, hush)
        if not targets:
            await self._put(NOBODY, change, index, None, DeliveryStatus.CANCELLED, NOBODY_REASON)

    def _after(self, hush: Quiet) -> datetime:
        """When to look again. What ends a silence meanwhile does not see the alert before this commits."""
        return min(hush.until, self._now + LOOK_AGAIN)

    async def _quiet(self) -> Quiet | None:
        return await quiet(self._unit, self._rule, self._alert, self._now)

    async def _put(
        self,
        target: Target,
        change: str,
        step: int,
        hush: Quiet | None,
        status: DeliveryStatus = DeliveryStatus.PENDING,
        error: Reason | None = None,
    ) -> None:
        if hush is not None:
            status, error = DeliveryStatus.SUPPRESSED, hush.reason
        group = await self._group(target) if change != Change.RESOLVED else None
        wait = self._rule.actions.group.wait if group and self._rule.actions.group else timedelta()
        delivery = Delivery(
            id=self._notifier.new_id(),
            organization_id=self._alert.organization_id,
            alert_id=self._alert.id,
            message_id=self._notifier.new_id(),
            channel=target.channel,
            target=target.shown,
            change=change,
            message=message_of(
                self._change,
                self._rule,
                change,
                self._now,
                public_url=self._notifier.public_url,
                organization=await self._unit.ledger.organization_name(),
            ),
            attempt=1,
            status=status,
            next_attempt_at=self._now + wait,
            response_status=None,
            latency_ms=None,
            error=error,
            created_at=self._now,
            finished_at=None if status is DeliveryStatus.PENDING else self._now,
            lane_id=lane_of(self._alert.id, target.key),
            target_key=target.key,
            step=step,
            group_key=group,
        )
        await self._unit.deliveries.add(delivery)
        if status is DeliveryStatus.PENDING:
            await enqueue(self._unit, delivery)

    async def _group(self, target: Target) -> str | None:
        if not target.read or self._rule.actions.group is None:
            return None
        machine = await self._unit.replicas.machine(self._alert.machine_id)
        return group_key(self._rule, self._alert, machine.location if machine else None, target.key)


async def _opened(unit: Unit, alert: Alert) -> tuple[datetime, str]:
    """When and how the alert opened last. Older versions recorded no changes."""
    return await unit.ledger.opened(alert.id) or (alert.created_at, Change.RAISED)


async def enqueue(unit: Unit, delivery: Delivery) -> None:
    """Let the lane of the message run when it is due, or earlier."""
    due_at = delivery.next_attempt_at
    job = NewJob(
        delivery.lane, QUEUE, MESSAGE_JOB, delivery.alert_id, delivery.organization_id, run_at=due_at
    )
    await unit.deliveries.hasten(delivery.lane, due_at)
    await unit.jobs.enqueue([job])


def _last(told: Sequence[Told], *, suppressed: bool) -> dict[int, datetime]:
    """When each step was told last, or would have been."""
    last: dict[int, datetime] = {}
    for each in told:
        if each.suppressed is suppressed:
            last[each.step] = max(each.at, last.get(each.step, each.at))
    return last


def _earliest(*times: datetime | None) -> datetime | None:
    return min((at for at in times if at is not None), default=None)


def _target_of(told: Told) -> Target:
    return Target(told.target_key, told.channel, told.shown, read=told.channel == "email")
