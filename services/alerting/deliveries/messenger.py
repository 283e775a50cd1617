"""Decides whom a change of an alert is told, and puts the messages into the queue.

What was told is read from the deliveries themselves, so nothing is told twice and nothing forgotten, whatever
restarts in between. Callers hold the lock of the alert, and commit.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.alerting.alerts.domain import Alert, AlertStatus
from services.alerting.contact_points.recipients import Recipients
from services.alerting.database.unit import Unit
from services.alerting.deliveries.domain import (
    MESSAGE_JOB,
    QUEUE,
    Delivery,
    DeliveryStatus,
    HistoryEntry,
    Target,
    Told,
    lane_of,
)
from services.alerting.deliveries.escalation import plan
from services.alerting.deliveries.messages import group_key, message_of
from services.alerting.rules.domain import Rule
from services.alerting.silences.domain import Quiet
from services.alerting.silences.quiet import inhibits, quiet
from shared.clock import Clock, IdGenerator
from shared.jobs.queue import NewJob

# The timer of an alert whose next step is due, or whose silence ends.
NOTIFY_TIMER = "notify"
RAISED, REOPENED, UPDATED, RESOLVED = "raised", "reopened", "updated", "resolved"
ESCALATED, REMINDER = "escalated", "reminder"
NOBODY = Target("nobody", "email", "nobody")
NOBODY_REASON = "nobody can be reached: the role is empty, or nobody is on call"


class Messenger:
    def __init__(self, clock: Clock, new_id: IdGenerator, public_url: str) -> None:
        self._clock = clock
        self._new_id = new_id
        self._public_url = public_url.rstrip("/")

    async def announce(
        self,
        unit: Unit,
        rule: Rule | None,
        alert: Alert,
        change: str,
        *,
        by: UUID | None = None,
        reason: str | None = None,
    ) -> None:
        """Note the change, and tell whom the rule names; without a `rule`, nobody."""
        now = self._clock.now()
        if change != UPDATED:
            await unit.ledger.note(
                HistoryEntry(
                    id=self._new_id(),
                    organization_id=alert.organization_id,
                    alert_id=alert.id,
                    at=now,
                    kind=change,
                    severity=alert.severity.label,
                    version=alert.version,
                    by_user=by,
                    reason=reason,
                )
            )
        if rule is None:
            return
        telling = _Telling(self, unit, rule, alert, now, by, reason)
        if change in (RAISED, REOPENED):
            await telling.advance((now, change))
            return
        opened = await unit.ledger.opened(alert.id) or (alert.created_at, RAISED)
        if change in rule.actions.on:
            await telling.tell_change(change, opened)
        if alert.status is AlertStatus.RESOLVED:
            await self._end(unit, rule, alert, now)
        elif change != UPDATED:
            await telling.advance(opened)

    async def on_timer(self, unit: Unit, alert_id: UUID) -> None:
        """Take the steps that are due."""
        alert = await unit.alerts.lock(alert_id)
        if alert is None or alert.status is AlertStatus.RESOLVED:
            return
        rule = await unit.rules.get(alert.alert_rule_id)
        if rule is None or not rule.is_active:
            return
        telling = _Telling(self, unit, rule, alert, self._clock.now(), None, None)
        await telling.advance(await unit.ledger.opened(alert.id) or (alert.created_at, RAISED))

    async def wake_suppressed(self, unit: Unit) -> None:
        """Look again at open alerts of which somebody was not told: a silence or a window has changed."""
        now = self._clock.now()
        for alert_id in await unit.ledger.open_and_suppressed():
            await unit.timers.schedule(NOTIFY_TIMER, alert_id, now)

    async def _end(self, unit: Unit, rule: Rule, alert: Alert, now: datetime) -> None:
        await unit.timers.cancel(NOTIFY_TIMER, alert.id)
        await unit.ledger.revoke_links(alert.id, now)
        if inhibits(rule):
            for other in await unit.ledger.open_beside(alert.machine_id):
                if other.id != alert.id and other.severity < alert.severity:
                    await unit.timers.schedule(NOTIFY_TIMER, other.id, now)


class _Telling:
    """One change of one alert."""

    def __init__(
        self,
        messenger: Messenger,
        unit: Unit,
        rule: Rule,
        alert: Alert,
        now: datetime,
        by: UUID | None,
        note: str | None,
    ) -> None:
        self._messenger = messenger
        self._unit = unit
        self._rule = rule
        self._alert = alert
        self._now = now
        self._by = by
        self._note = note
        self._recipients = Recipients(unit, rule, alert, now)

    async def tell_change(self, change: str, opened: tuple[datetime, str]) -> None:
        """Tell those who heard of the alert, and those whom the rule tells at once.

        A resolve goes to those who heard of the alert, also within a silence, and to nobody else.
        """
        opened_at, opened_by = opened
        told = [each for each in await self._unit.ledger.told(self._alert.id, opened_at) if not each.suppressed]
        targets = {each.target_key: (each.step, _target_of(each)) for each in told}
        if change != RESOLVED or opened_by not in self._rule.actions.on:
            for index, step in enumerate(self._rule.actions.steps):
                if not step.after:
                    for target in await self._recipients.of_step(step):
                        targets.setdefault(target.key, (index, target))
        hush = None if change == RESOLVED or not targets else await self._quiet()
        for index, target in targets.values():
            await self._put(target, change, index, hush)

    async def advance(self, opened: tuple[datetime, str]) -> None:
        """Take the steps that are due, and set the timer for the next one."""
        opened_at, opened_by = opened
        steps = self._rule.actions.steps if opened_by in self._rule.actions.on else ()
        ledger = await self._unit.ledger.told(self._alert.id, opened_at) if steps else []
        acknowledged = self._alert.acknowledged_at is not None
        coming = plan(steps, opened_at, _last(ledger), acknowledged=acknowledged, now=self._now)
        hush = await self._quiet() if coming.due else None
        kept_back = {each.step for each in ledger if each.suppressed}
        for index, repeats in coming.due:
            if hush is not None and index in kept_back:
                continue
            change = REMINDER if repeats else ESCALATED if steps[index].after else opened_by
            targets = await self._recipients.of_step(steps[index])
            for target in targets:
                await self._put(target, change, index, hush)
            if not targets:
                await self._put(NOBODY, change, index, None, DeliveryStatus.CANCELLED, NOBODY_REASON)
        next_at = hush.until if hush is not None else coming.next_at
        if next_at is not None:
            await self._unit.timers.schedule(NOTIFY_TIMER, self._alert.id, next_at)
        else:
            await self._unit.timers.cancel(NOTIFY_TIMER, self._alert.id)

    async def _quiet(self) -> Quiet | None:
        return await quiet(self._unit, self._rule, self._alert, self._now)

    async def _put(
        self,
        target: Target,
        change: str,
        step: int,
        hush: Quiet | None,
        status: DeliveryStatus = DeliveryStatus.PENDING,
        error: str | None = None,
    ) -> None:
        if hush is not None:
            status, error = DeliveryStatus.SUPPRESSED, hush.reason
        machine = await self._unit.replicas.machine(self._alert.machine_id) if self._rule.actions.group else None
        group = (
            group_key(self._rule, self._alert, machine.location if machine else None, target.key)
            if target.read and change != RESOLVED
            else None
        )
        due_at = self._now + self._rule.actions.group.wait if group and self._rule.actions.group else self._now
        delivery = Delivery(
            id=self._messenger._new_id(),
            organization_id=self._alert.organization_id,
            alert_id=self._alert.id,
            message_id=self._messenger._new_id(),
            channel=target.channel,
            target=target.shown,
            change=change,
            message=message_of(
                self._alert,
                self._rule,
                change,
                self._now,
                public_url=self._messenger._public_url,
                organization=await self._unit.ledger.organization_name(),
                by=self._by,
                note=self._note,
            ),
            attempt=1,
            status=status,
            next_attempt_at=due_at,
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


async def enqueue(unit: Unit, delivery: Delivery) -> None:
    """Let the lane of the message run when it is due, or earlier."""
    due_at = delivery.next_attempt_at
    job = NewJob(
        delivery.lane, QUEUE, MESSAGE_JOB, delivery.alert_id, delivery.organization_id, run_at=due_at
    )
    await unit.deliveries.hasten(delivery.lane, due_at)
    await unit.jobs.enqueue([job])


def _last(told: Sequence[Told]) -> dict[int, datetime]:
    """When each step was told last."""
    last: dict[int, datetime] = {}
    for each in told:
        if not each.suppressed:
            last[each.step] = max(each.at, last.get(each.step, each.at))
    return last


def _target_of(told: Told) -> Target:
    return Target(told.target_key, told.channel, told.shown, read=told.channel == "email")
