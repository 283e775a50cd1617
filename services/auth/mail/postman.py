"""Answers requests for new passwords and sends the letters that are due, whatever dies meanwhile.

A letter is leased in the database, sent outside of any transaction, and noted. A process killed in between
leaves a lease that ends, and then another sends the letter again under the same Message-ID.
"""

import asyncio
from datetime import timedelta

import asyncpg
import structlog
from opentelemetry import metrics

from services.auth.database.unit import Units
from services.auth.mail.domain import LetterStatus, QueuedLetter, Sending, retry_delay
from services.auth.mail.letters import open_letter
from services.auth.mail.mailers import Mailer
from services.auth.recovery.service import RecoveryService
from shared.access import Scope
from shared.clock import Clock
from shared.crypto import EncryptionError, Encryptor

AT_ONCE = 8
# Longer than the longest timeout that may be set, so that it does not end while a letter is sent.
LEASE = timedelta(minutes=5)
FAULT_PAUSE_SECONDS = 5.0

logger = structlog.get_logger(__name__)


class Postman:
    """Every replica may run one; they share the work."""

    def __init__(
        self,
        units: Units,
        mailer: Mailer,
        encryptor: Encryptor,
        recovery: RecoveryService,
        clock: Clock,
        *,
        attempts: int,
        first_retry: timedelta,
        poll_seconds: float,
    ) -> None:
        self._units = units
        self._mailer = mailer
        self._encryptor = encryptor
        self._recovery = recovery
        self._clock = clock
        self._attempts = attempts
        self._first_retry = first_retry
        self._poll_seconds = poll_seconds
        self._outcomes = metrics.get_meter("dinsight.auth").create_counter(
            "dinsight_mail", "1", "Attempts to send a letter by outcome"
        )

    async def run(self) -> None:
        """Repeat until cancelled; a database that is away is waited for."""
        while True:
            try:
                if not await self.once():
                    await asyncio.sleep(self._poll_seconds)
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                logger.warning("postman waits", error=f"{type(error).__name__}: {error}")
                await asyncio.sleep(FAULT_PAUSE_SECONDS)

    async def once(self) -> int:
        """Do what is due now, up to a handful, and give how much it was."""
        async with self._units(Scope()) as unit:
            answered = await self._recovery.answer(unit, AT_ONCE)
        now = self._clock.now()
        async with self._units(Scope()) as unit:
            letters = await unit.mail.claim(AT_ONCE, now, now + LEASE)
        done = await asyncio.gather(*(self._deliver(letter) for letter in letters), return_exceptions=True)
        for error in done:
            if error is not None:
                raise error
        return answered + len(letters)

    async def _deliver(self, queued: QueuedLetter) -> None:
        sending = await self._attempt(queued)
        now, attempts = self._clock.now(), queued.attempts + 1
        due = now + retry_delay(attempts, self._first_retry)
        given_up = sending.final or attempts >= self._attempts or due >= queued.expires_at
        outcome = "sent" if sending.error is None else "given_up" if given_up else "failed"
        async with self._units(Scope()) as unit:
            if outcome == "failed":
                noted = await unit.mail.put_back(queued, sending.error, due)
            else:
                noted = await unit.mail.finish(queued, LetterStatus(outcome), sending.error, now)
        if noted:
            self._outcomes.add(1, {"outcome": outcome})
            logger.info(
                "letter attempted",
                letter_id=str(queued.id),
                kind=queued.kind,
                attempt=attempts,
                outcome=outcome,
                error=sending.error,
            )

    async def _attempt(self, queued: QueuedLetter) -> Sending:
        if queued.expires_at <= self._clock.now():
            return Sending("its link is dead", final=True)
        try:
            letter = open_letter(self._encryptor, queued)
        except EncryptionError as error:
            return Sending(f"it cannot be read: {error}", final=True)
        return await self._mailer.send(queued, letter)
