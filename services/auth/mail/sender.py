"""Sends the messages of the mail queue, one job each.

A message is sent outside of any transaction, and its job ends in the transaction that notes the outcome. A
worker that is killed in between leaves a lease that runs out; then another one sends the message again, under
the same Message-ID.
"""

from datetime import timedelta

import structlog
from opentelemetry import metrics

from services.auth.database.unit import Units
from services.auth.mail.domain import MailStatus, StoredMessage
from services.auth.mail.messages import unseal
from shared.access import Scope
from shared.clock import Clock
from shared.crypto import EncryptionError, Encryptor
from shared.jobs.queue import Job, Lease
from shared.jobs.retry import RetryPolicy
from shared.mail.domain import Delivery, Mail
from shared.mail.transports import Transport

logger = structlog.get_logger(__name__)


class MailSender:
    """Handles jobs of kind `message`."""

    def __init__(
        self,
        units: Units,
        transport: Transport,
        encryptor: Encryptor,
        clock: Clock,
        retry: RetryPolicy,
    ) -> None:
        self._units = units
        self._transport = transport
        self._encryptor = encryptor
        self._clock = clock
        self._retry = retry
        self._outcomes = metrics.get_meter("dinsight.auth").create_counter(
            "dinsight_mail", "1", "Attempts to send a message by outcome"
        )

    async def run(self, job: Job, lease: Lease) -> None:
        async with self._units(Scope(organization_id=job.organization_id)) as unit:
            message = await unit.mail.waiting(job.subject_id)
            if message is None:
                await unit.jobs.complete(job)
                return
        # Without the lease this worker must not send, because another one does.
        await lease.turn()
        delivery = await self._attempt(message)
        delay = self._retry.delay(job.attempt)
        if delivery.error is None:
            await self._finish(job, MailStatus.SENT, None)
        elif (
            delivery.permanent
            or self._retry.is_last(job.attempt)
            or self._clock.now() + delay >= message.expires_at
        ):
            await self._finish(job, MailStatus.GIVEN_UP, delivery.error)
        else:
            async with self._units(Scope(organization_id=job.organization_id)) as unit:
                await unit.jobs.retry(job, delay)
                await unit.mail.failed(message.id, delivery.error)
            self._report(job, "failed", delivery.error)

    async def put_back(self, job: Job, after: timedelta, *, counted: bool) -> None:
        async with self._units(Scope(organization_id=job.organization_id)) as unit:
            await unit.jobs.retry(job, after, counted=counted)

    async def give_up(self, job: Job, error: Exception | None) -> None:
        reason = "the worker crashed" if error is None else type(error).__name__
        await self._finish(job, MailStatus.GIVEN_UP, reason)

    async def _attempt(self, message: StoredMessage) -> Delivery:
        if message.expires_at <= self._clock.now():
            return Delivery("it expired before it could be sent", permanent=True)
        try:
            content = unseal(self._encryptor, message)
        except EncryptionError as error:
            return Delivery(f"it cannot be decrypted: {error}", permanent=True)
        return await self._transport.send(
            Mail(
                message.id, message.kind, message.created_at, content.recipient, content.subject, content.text
            )
        )

    async def _finish(self, job: Job, status: MailStatus, error: str | None) -> None:
        async with self._units(Scope(organization_id=job.organization_id)) as unit:
            await unit.jobs.complete(job)
            await unit.mail.finish(job.subject_id, status, error, self._clock.now())
        self._report(job, status.value, error)

    def _report(self, job: Job, outcome: str, error: str | None) -> None:
        self._outcomes.add(1, {"outcome": outcome})
        logger.info("message attempted", attempt=job.attempt, outcome=outcome, error=error)
