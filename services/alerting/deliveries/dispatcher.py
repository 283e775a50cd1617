"""Sends what is due, for all organizations, whatever dies meanwhile.

An attempt is leased in the database, made outside of any transaction, and noted. A dispatcher killed in
between leaves a lease that ends, and then another makes the attempt again under the same message id.
"""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import asyncpg
import structlog
from opentelemetry import metrics

from services.alerting.database.unit import Unit
from services.alerting.deliveries.domain import (
    Delivery,
    DeliveryStatus,
    Lease,
    Outcome,
    Outgoing,
    RetryPolicy,
)
from services.alerting.rules.service import secret_purpose
from shared.access import Scope
from shared.clock import Clock, IdGenerator
from shared.crypto import EncryptionError, Encryptor

# Twice the longest timeout that may be set, so that a lease does not end while its attempt is made.
LEASE = timedelta(seconds=60)
FAULT_PAUSE_SECONDS = 1.0
logger = structlog.get_logger(__name__)


class Units(Protocol):
    def __call__(self, scope: Scope) -> AbstractAsyncContextManager[Unit]: ...

    async def claim(self, wanted: int, share: int, at: datetime, lease: timedelta) -> Sequence[Lease]: ...


class Sender(Protocol):
    async def send(self, url: str, secret: str, message_id: UUID, message: Mapping[str, Any]) -> Outcome: ...


@dataclass(frozen=True, slots=True)
class Pace:
    """How many attempts are under way at once, how many of one organization, and when to look for more."""

    concurrency: int
    per_organization: int
    poll_seconds: float


class Dispatcher:
    def __init__(
        self,
        units: Units,
        sender: Sender,
        encryptor: Encryptor,
        clock: Clock,
        new_id: IdGenerator,
        retries: RetryPolicy,
        pace: Pace,
        *,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._units = units
        self._sender = sender
        self._encryptor = encryptor
        self._clock = clock
        self._new_id = new_id
        self._retries = retries
        self._pace = pace
        self._jitter = jitter
        self._attempts = metrics.get_meter("dinsight.alerting").create_counter(
            "dinsight_deliveries", "1", "Delivery attempts by outcome"
        )

    async def run(self) -> None:
        """Deliver until cancelled; faults of the database are waited out."""
        under_way: set[asyncio.Task[None]] = set()
        try:
            while True:
                free = self._pace.concurrency - len(under_way)
                under_way |= {asyncio.create_task(self._guarded(lease)) for lease in await self._claim(free)}
                if not under_way:
                    await asyncio.sleep(self._pace.poll_seconds)
                    continue
                _, under_way = await asyncio.wait(
                    under_way, timeout=self._pace.poll_seconds, return_when=asyncio.FIRST_COMPLETED
                )
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def deliver_due(self) -> int:
        """Make the attempts that are due now, once, and give their number."""
        leases = await self._claim(self._pace.concurrency)
        await asyncio.gather(*(self.deliver(lease) for lease in leases))
        return len(leases)

    async def deliver(self, lease: Lease) -> None:
        scope = Scope(organization_id=lease.organization_id)
        async with self._units(scope) as unit:
            outgoing = await unit.deliveries.leased(lease)
        if outgoing is None:
            return
        outcome = await self._attempt(outgoing)
        async with self._units(scope) as unit:
            await self._note(unit, lease, outgoing, outcome)

    async def _claim(self, wanted: int) -> Sequence[Lease]:
        if wanted <= 0:
            return ()
        try:
            return await self._units.claim(wanted, self._pace.per_organization, self._clock.now(), LEASE)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            logger.warning("dispatcher waits for the database", error=str(error))
            await asyncio.sleep(FAULT_PAUSE_SECONDS)
            return ()

    async def _guarded(self, lease: Lease) -> None:
        try:
            await self.deliver(lease)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            # Its lease ends by itself, and the attempt is made again.
            logger.warning("delivery not noted", delivery_id=str(lease.delivery_id), error=str(error))

    async def _attempt(self, outgoing: Outgoing) -> Outcome | None:
        """Give how the attempt ended; None when there is nowhere to send to any more."""
        if outgoing.webhook is None:
            return None
        delivery = outgoing.delivery
        purpose = secret_purpose(outgoing.rule_id, delivery.channel.partition(":")[2])
        try:
            secret = self._encryptor.decrypt(outgoing.webhook.sealed_secret, purpose=purpose)
        except EncryptionError as error:
            return Outcome(False, None, 0.0, f"the secret cannot be read: {error}")
        return await self._sender.send(outgoing.webhook.url, secret, delivery.message_id, delivery.message)

    async def _note(self, unit: Unit, lease: Lease, outgoing: Outgoing, outcome: Outcome | None) -> None:
        delivery, now = outgoing.delivery, self._clock.now()
        if outcome is None or outgoing.webhook is None:
            status, target = DeliveryStatus.CANCELLED, delivery.target
            outcome = Outcome(False, None, 0.0, f"the rule has no {delivery.channel} any more")
        else:
            status = DeliveryStatus.DELIVERED if outcome.delivered else DeliveryStatus.FAILED
            target = outgoing.webhook.target
        if not await unit.deliveries.finish(lease, status, target, outcome, now):
            return
        again = self._next(delivery, outcome, now) if status is DeliveryStatus.FAILED else None
        if again is not None:
            await unit.deliveries.add(again)
        given_up = status is DeliveryStatus.FAILED and again is None
        self._attempts.add(1, {"outcome": "given_up" if given_up else status.value})
        logger.info(
            "delivery attempted",
            delivery_id=str(delivery.id),
            alert_id=str(delivery.alert_id),
            attempt=delivery.attempt,
            outcome="given_up" if given_up else status.value,
            error=outcome.error,
        )

    def _next(self, delivery: Delivery, outcome: Outcome, now: datetime) -> Delivery | None:
        delay = None if outcome.final else self._retries.delay(delivery.attempt, self._jitter())
        if delay is None:
            return None
        return replace(
            delivery,
            id=self._new_id(),
            attempt=delivery.attempt + 1,
            next_attempt_at=now + delay,
            created_at=now,
        )
