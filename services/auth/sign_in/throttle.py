"""Slows down guessing, without locking out the owner of the account."""

import hashlib
from datetime import timedelta

import structlog

from services.auth.database.unit import Unit
from services.auth.errors import TooManyAttempts
from services.auth.sessions.domain import Client
from services.auth.sign_in.domain import FAILURES_EXPIRE_AFTER, wait_after
from shared.clock import Clock
from shared.http.addresses import network_of

DIGEST_LENGTH = 16
logger = structlog.get_logger(__name__)


class Throttle:
    """Counts failures per account and network, so that nobody can lock an account for others.

    A network is one IPv4 address, or an IPv6 /64, all of which belongs to whoever has one of its addresses.

    The account is named as it was typed, known or not, so that waiting tells nothing about it.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def admit(self, unit: Unit, account: str, client: Client) -> None:
        """Count an attempt as failed before it is made. Raises TooManyAttempts if it must wait."""
        subject = self._subject(account, client)
        now = self._clock.now()
        failures = await unit.attempts.count(subject, now, now - FAILURES_EXPIRE_AFTER)
        if failures is None:
            free_at = await unit.attempts.free_at(subject)
            # Whose address it is, the log need not know: equal ones have the same digest.
            digest = hashlib.sha256(account.encode()).hexdigest()[:DIGEST_LENGTH]
            logger.warning("attempt throttled", account_digest=digest)
            raise TooManyAttempts(free_at - now if free_at else timedelta())
        wait = wait_after(failures)
        if wait:
            await unit.attempts.delay(subject, now + wait)

    async def succeeded(self, unit: Unit, account: str, client: Client) -> None:
        await unit.attempts.reset(self._subject(account, client))

    @staticmethod
    def _subject(account: str, client: Client) -> str:
        return hashlib.sha256(f"{account}|{network_of(client.address)}".encode()).hexdigest()
