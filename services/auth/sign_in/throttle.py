"""Slows down guessing, without locking out the owner of the account."""

import hashlib
from datetime import timedelta

import structlog

from services.auth.database.unit import Unit
from services.auth.errors import TooManyAttempts
from services.auth.sessions.domain import Client
from services.auth.sign_in.devices import Devices
from services.auth.sign_in.domain import (
    FAILURES_EXPIRE_AFTER,
    FREE_FAILURES,
    FREE_FAILURES_OF_ACCOUNT,
    FREE_FAILURES_OF_CODES,
    FREE_FAILURES_OF_SITE,
    wait_after,
)
from shared.clock import Clock
from shared.http.addresses import IPV6_SITE_PREFIX, network_of

# A subject, and the failures that have no consequence for it.
Counted = tuple[str, int]

DIGEST_LENGTH = 16
logger = structlog.get_logger(__name__)


class Throttle:
    """Counts failures per account and network: an IPv4 address, or an IPv6 /64 and the /56 around it.

    Sign-ins are counted per account, too, over all networks. A device that has signed in to the account
    before, for codes with a second factor, is counted alone, so that guesses of others do not lock its user
    out.

    The account is named as it was typed, known or not, so that waiting tells nothing about it.
    """

    def __init__(self, clock: Clock, devices: Devices) -> None:
        self._clock = clock
        self._devices = devices

    async def admit(self, unit: Unit, account: str, client: Client) -> None:
        """Count an attempt as failed before it is made. Raises TooManyAttempts if it must wait."""
        await self._count(unit, account, _networks(account, client))

    async def succeeded(self, unit: Unit, account: str, client: Client) -> None:
        await self._reset(unit, _networks(account, client))

    async def admit_sign_in(self, unit: Unit, email: str, client: Client, device: str | None) -> bool:
        """The same for a password. Returns whether the bound of the whole account has just been reached."""
        failures = await self._count(unit, email, self._sign_in(email, client, device))
        return failures == FREE_FAILURES_OF_ACCOUNT

    async def signed_in(self, unit: Unit, email: str, client: Client, device: str | None) -> None:
        await self._reset(unit, self._sign_in(email, client, device))

    async def admit_code(self, unit: Unit, email: str, client: Client, device: str | None) -> None:
        """The same for the code of an authenticator app. Raises TooManyAttempts."""
        await self._count(unit, email, self._code(email, client, device))

    async def code_succeeded(self, unit: Unit, email: str, client: Client, device: str | None) -> None:
        await self._reset(unit, self._code(email, client, device))

    async def first_today(self, unit: Unit, subject: str) -> bool:
        """Whether this is the first in a series, so that its owner gets one mail and not each.

        A series ends when a day has passed without another.
        """
        now = self._clock.now()
        return await unit.attempts.count(subject, now, now - FAILURES_EXPIRE_AFTER) == 1

    def _sign_in(self, email: str, client: Client, device: str | None) -> list[Counted]:
        if known := self._devices.known(email, device):
            return [(_subject("device", email, known), FREE_FAILURES)]
        return [*_networks(email, client), (_subject("account", email), FREE_FAILURES_OF_ACCOUNT)]

    def _code(self, email: str, client: Client, device: str | None) -> list[Counted]:
        # Before there was a second factor, whoever had the password could collect any number of tokens.
        if known := self._devices.known(email, device, factor=True):
            return [(_subject("device-code", email, known), FREE_FAILURES)]
        return [*_networks(f"code|{email}", client), (_subject("codes", email), FREE_FAILURES_OF_CODES)]

    async def _count(self, unit: Unit, account: str, subjects: list[Counted]) -> int:
        """Count an attempt of all subjects, and return the failures of the last one so far."""
        failures: int | None = 0
        now = self._clock.now()
        for subject, free in subjects:
            failures = await unit.attempts.count(subject, now, now - FAILURES_EXPIRE_AFTER)
            if failures is None:
                free_at = await unit.attempts.free_at(subject)
                # Whose address it is, the log need not know: equal ones have the same digest.
                digest = hashlib.sha256(account.encode()).hexdigest()[:DIGEST_LENGTH]
                logger.warning("attempt throttled", account_digest=digest)
                # The transaction ends here, so what was counted for the others does not count.
                raise TooManyAttempts(free_at - now if free_at else timedelta())
            if wait := wait_after(failures, free):
                await unit.attempts.delay(subject, now + wait)
        return failures or 0

    async def _reset(self, unit: Unit, subjects: list[Counted]) -> None:
        for subject, _ in subjects:
            await unit.attempts.reset(subject)


def _networks(account: str, client: Client) -> list[Counted]:
    network = network_of(client.address)
    counted = [(_subject(account, network), FREE_FAILURES)]
    site = network_of(client.address, IPV6_SITE_PREFIX)
    return counted if site == network else [*counted, (_subject(account, site), FREE_FAILURES_OF_SITE)]


def _subject(*parts: str) -> str:
    return hashlib.sha256("|".join(parts).encode()).hexdigest()
