"""Sends the messages of the delivery queue, one job per alert and target: its lane.

The newest message of a lane is sent, and older ones that were not are superseded: a receiver that was down
hears how the alert stands. An attempt is made outside any transaction, and its outcome is recorded in the
transaction that completes the job or returns it to the queue. If the process is killed in between, its lease
expires and another worker repeats the attempt under the same message id.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

import structlog
from opentelemetry import metrics

from services.alerting.acknowledgements.links import LinkMaker
from services.alerting.alerts.domain import Alert
from services.alerting.database.unit import Unit
from services.alerting.deliveries.courier import Courier, MailRoute, Route, Unreachable, WebhookRoute
from services.alerting.deliveries.domain import Delivery, DeliveryStatus, Outcome
from services.alerting.deliveries.notices import Notices
from services.alerting.reasons import Reason, gone
from shared.access import Scope
from shared.clock import Clock, IdGenerator
from shared.jobs.queue import Job, Lease
from shared.jobs.retry import RetryPolicy

Units = Callable[[Scope], AbstractAsyncContextManager[Unit]]
MAX_GROUP = 50
# A lane whose target is taken looks again after this, or after as long as the attempt has taken so far.
MIN_WAIT = timedelta(milliseconds=100)
SUPERSEDED = Outcome(DeliveryStatus.SUPERSEDED, error=Reason("replaced by a newer message", "superseded"))

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Prepared:
    delivery: Delivery
    route: Route
    others: Sequence[Delivery]
    link: str | None


class Dispatcher:
    """Handles the jobs of lanes. A target has one place in a process: one that hangs delays no other."""

    def __init__(
        self,
        units: Units,
        courier: Courier,
        links: LinkMaker,
        notices: Notices,
        clock: Clock,
        new_id: IdGenerator,
        retry: RetryPolicy,
    ) -> None:
        self._units = units
        self._courier = courier
        self._links = links
        self._notices = notices
        self._clock = clock
        self._new_id = new_id
        self._retry = retry
        # When the attempt that occupies the place of a target began.
        self._taken: dict[tuple[UUID, str], float] = {}
        self._attempts = metrics.get_meter("dinsight.alerting").create_counter(
            "dinsight_deliveries", "1", "Delivery attempts by outcome"
        )

    async def run(self, job: Job, lease: Lease) -> None:
        place: tuple[UUID, str] | None = None
        try:
            async with self._units(_scope(job)) as unit:
                alert = await unit.alerts.lock(job.subject_id)
                # Without its lease, a worker must not change what another one is sending.
                await unit.jobs.hold(job)
                pending = await unit.deliveries.pending(job.id)
                if alert is None or not pending:
                    await unit.jobs.complete(job)
                    return
                wanted = (alert.organization_id, pending[0].target_key or str(job.id))
                if (wait := self._wait(wanted)) is not None:
                    await unit.jobs.retry(job, wait, counted=False)
                    return
                self._taken[wanted] = asyncio.get_running_loop().time()
                place = wanted
                prepared = await self._prepare(unit, job, alert, pending)
            if prepared is None:
                return
            # Preparing may have taken long, and a worker that has lost its lease must not send.
            await lease.turn()
            outcome = await self._courier.send(
                prepared.route, prepared.delivery, prepared.others, prepared.link
            )
            await self._record(job, prepared.delivery, prepared.route, outcome)
        finally:
            if place is not None:
                del self._taken[place]

    async def put_back(self, job: Job, after: timedelta, *, counted: bool) -> None:
        async with self._units(_scope(job)) as unit:
            await unit.jobs.retry(job, after, counted=counted)
            await unit.deliveries.postpone(job.id, self._clock.now() + after)

    async def give_up(self, job: Job, error: Exception | None) -> None:
        reason = Reason("the worker crashed", "worker_crashed")
        if error is not None:
            name = type(error).__name__
            reason = Reason(f"unexpected error: {name}", "unexpected_error", {"error": name})
        outcome = Outcome(DeliveryStatus.GIVEN_UP, error=reason)
        async with self._units(_scope(job)) as unit:
            await unit.alerts.lock(job.subject_id)
            pending = await unit.deliveries.pending(job.id)
            for delivery in pending:
                await self._end(unit, delivery, outcome)
            await unit.jobs.complete(job)
        for delivery in pending:
            self._report(delivery, outcome)

    def _wait(self, place: tuple[UUID, str]) -> timedelta | None:
        """How long to wait for a place that is taken."""
        since = self._taken.get(place)
        if since is None:
            return None
        return max(MIN_WAIT, timedelta(seconds=asyncio.get_running_loop().time() - since))

    async def _prepare(
        self, unit: Unit, job: Job, alert: Alert, pending: Sequence[Delivery]
    ) -> Prepared | None:
        """What is sent now; None if the job was ended or put back instead."""
        now = self._clock.now()
        newest, *older = pending
        for delivery in older:
            await unit.deliveries.finish(delivery, SUPERSEDED, now)
            await unit.deliveries.regroup(delivery.message_id, newest.message_id)
        if newest.group_key is not None and newest.next_attempt_at > now:
            await unit.jobs.retry(job, newest.next_attempt_at - now, counted=False)
            return None
        state = await unit.ledger.target(alert.organization_id, newest.target_key)
        if state.open_until is not None and state.open_until > now:
            await unit.jobs.retry(job, state.open_until - now, counted=False)
            await unit.deliveries.postpone(job.id, state.open_until)
            return None
        try:
            if state.disabled_reason is not None:
                raise Unreachable(gone(state.disabled_reason))
            route = await self._courier.route(unit, alert, newest)
        except Unreachable as error:
            await self._end(unit, newest, error.outcome)
            await unit.jobs.complete(job)
            self._report(newest, error.outcome)
            return None
        grouped = newest.group_key is not None and newest.attempt == 1
        if grouped and not await unit.deliveries.take_group(newest, now, MAX_GROUP):
            await unit.jobs.complete(job)
            return None
        others: Sequence[Delivery] = ()
        if not isinstance(route, WebhookRoute):
            others = await unit.deliveries.grouped_into(newest.message_id)
        link = None
        if not isinstance(route, WebhookRoute) and alert.is_open and alert.acknowledged_at is None:
            user_id = route.user_id if isinstance(route, MailRoute) else None
            link = await self._links.make(unit, alert, user_id, newest.target, now)
        return Prepared(newest, route, others, link)

    async def _record(self, job: Job, delivery: Delivery, route: Route, outcome: Outcome) -> None:
        now = self._clock.now()
        # The address of this attempt: it may have changed since the message was enqueued.
        delivery = replace(delivery, target=route.shown or delivery.target)
        async with self._units(_scope(job)) as unit:
            # Whoever adds a message holds this lock, so none is added between the look and the end.
            await unit.alerts.lock(job.subject_id)
            newer = [each for each in await unit.deliveries.pending(job.id) if each.id != delivery.id]
            last = outcome.permanent or delivery.attempt >= self._retry.max_attempts
            if outcome.failed and last and not newer:
                outcome = replace(outcome, status=DeliveryStatus.GIVEN_UP)
            # What failed was the older message: the newer one has had no attempt that it could wait after.
            delay = timedelta() if newer else self._delay(delivery, outcome)
            if newer or outcome.failed:
                await unit.jobs.retry(job, delay, counted=False)
            else:
                await unit.jobs.complete(job)
            await unit.deliveries.finish(delivery, outcome, now)
            if newer and outcome.failed:
                await unit.deliveries.regroup(delivery.message_id, newer[0].message_id)
            elif outcome.failed:
                await unit.deliveries.add(delivery.next(self._new_id(), now, now + delay))
            await self._notices.attempted(unit, delivery, outcome, now)
        self._report(delivery, outcome)

    async def _end(self, unit: Unit, delivery: Delivery, outcome: Outcome) -> None:
        """End a message without an attempt. Administrators are told of one that is given up."""
        now = self._clock.now()
        await unit.deliveries.finish(delivery, outcome, now)
        if outcome.status is DeliveryStatus.GIVEN_UP:
            await self._notices.attempted(unit, delivery, outcome, now)

    def _delay(self, delivery: Delivery, outcome: Outcome) -> timedelta:
        if not outcome.failed:
            return timedelta()
        return max(self._retry.delay(delivery.attempt), outcome.retry_after or timedelta())

    def _report(self, delivery: Delivery, outcome: Outcome) -> None:
        self._attempts.add(1, {"outcome": outcome.status.value})
        logger.info(
            "delivery attempted",
            delivery_id=str(delivery.id),
            alert_id=str(delivery.alert_id),
            attempt=delivery.attempt,
            outcome=outcome.status.value,
            error=str(outcome.error) if outcome.error else None,
        )


def _scope(job: Job) -> Scope:
    return Scope(organization_id=job.organization_id)
