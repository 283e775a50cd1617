"""Sends the messages of the delivery queue, one job each.

An attempt is made outside any transaction. Its outcome is recorded in the transaction that completes the job
or returns it to the queue. If the process is killed in between, its lease expires and another worker repeats
the attempt under the same message id.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta
from typing import Any, Protocol
from uuid import UUID

import structlog
from opentelemetry import metrics

from services.alerting.database.unit import Unit
from services.alerting.deliveries.domain import Delivery, DeliveryStatus, Outcome, Outgoing
from services.alerting.rules.sealing import WebhookSealer
from shared.access import Scope
from shared.clock import Clock, IdGenerator
from shared.crypto import EncryptionError
from shared.jobs.queue import Job, Lease
from shared.jobs.retry import RetryPolicy

Units = Callable[[Scope], AbstractAsyncContextManager[Unit]]

logger = structlog.get_logger(__name__)


class Sender(Protocol):
    async def send(self, url: str, secret: str, message_id: UUID, message: Mapping[str, Any]) -> Outcome: ...


class Dispatcher:
    """Handles the jobs of messages. A job has the id of its message; attempts are rows of `deliveries`."""

    def __init__(
        self,
        units: Units,
        sender: Sender,
        sealer: WebhookSealer,
        clock: Clock,
        new_id: IdGenerator,
        retry: RetryPolicy,
    ) -> None:
        self._units = units
        self._sender = sender
        self._sealer = sealer
        self._clock = clock
        self._new_id = new_id
        self._retry = retry
        self._attempts = metrics.get_meter("dinsight.alerting").create_counter(
            "dinsight_deliveries", "1", "Delivery attempts by outcome"
        )

    async def run(self, job: Job, lease: Lease) -> None:
        async with self._units(_scope(job)) as unit:
            outgoing = await unit.deliveries.pending(job.id)
            if outgoing is None:
                # The alert was deleted, together with its machine.
                await unit.jobs.complete(job)
                return
        # A worker that has lost its lease must not send: another one will.
        await lease.turn()
        await self._record(job, outgoing, await self._attempt(outgoing))

    async def put_back(self, job: Job, after: timedelta, *, counted: bool) -> None:
        async with self._units(_scope(job)) as unit:
            await unit.jobs.retry(job, after, counted=counted)
            await unit.deliveries.postpone(job.id, self._clock.now() + after)

    async def give_up(self, job: Job, error: Exception | None) -> None:
        reason = "the worker crashed" if error is None else f"unexpected error: {type(error).__name__}"
        outcome = Outcome(DeliveryStatus.FAILED, error=reason)
        async with self._units(_scope(job)) as unit:
            await unit.jobs.complete(job)
            outgoing = await unit.deliveries.pending(job.id)
            if outgoing is not None:
                await unit.deliveries.finish(outgoing.delivery, outcome, self._clock.now())
        if outgoing is not None:
            self._report(outgoing.delivery, outcome, given_up=True)

    async def _attempt(self, outgoing: Outgoing) -> Outcome:
        delivery, webhook = outgoing.delivery, outgoing.webhook
        if webhook is None:
            return Outcome(DeliveryStatus.CANCELLED, error=f"{delivery.channel} was removed from the rule")
        place = outgoing.rule_id, delivery.channel.partition(":")[2], webhook
        try:
            url, secret = self._sealer.address(*place), self._sealer.opened_secret(*place)
        except EncryptionError as error:
            reason = f"the address or the secret cannot be decrypted: {error}"
            return Outcome(DeliveryStatus.FAILED, error=reason)
        return await self._sender.send(url, secret, delivery.message_id, delivery.message)

    async def _record(self, job: Job, outgoing: Outgoing, outcome: Outcome) -> None:
        now = self._clock.now()
        # The address of this attempt: the rule may have changed since the message was enqueued.
        target = outgoing.webhook.host if outgoing.webhook else outgoing.delivery.target
        delivery = replace(outgoing.delivery, target=target)
        ends = outcome.permanent or self._retry.is_last(job.attempt)
        retries = outcome.status is DeliveryStatus.FAILED and not ends
        async with self._units(_scope(job)) as unit:
            if retries:
                delay = self._retry.delay(job.attempt)
                await unit.jobs.retry(job, delay)
                await unit.deliveries.finish(delivery, outcome, now)
                await unit.deliveries.add(delivery.next(self._new_id(), now, now + delay))
            else:
                await unit.jobs.complete(job)
                await unit.deliveries.finish(delivery, outcome, now)
        self._report(delivery, outcome, given_up=outcome.status is DeliveryStatus.FAILED and ends)

    def _report(self, delivery: Delivery, outcome: Outcome, *, given_up: bool) -> None:
        name = "given_up" if given_up else outcome.status.value
        self._attempts.add(1, {"outcome": name})
        logger.info(
            "delivery attempted",
            delivery_id=str(delivery.id),
            alert_id=str(delivery.alert_id),
            attempt=delivery.attempt,
            outcome=name,
            error=outcome.error,
        )


def _scope(job: Job) -> Scope:
    return Scope(organization_id=job.organization_id)
