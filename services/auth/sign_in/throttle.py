"""Guessing passwords becomes slow, for the guesser only."""

import hashlib
from datetime import timedelta

from services.auth.database.unit import Unit
from services.auth.errors import TooManyAttempts
from services.auth.sign_in.domain import FAILURES_FORGOTTEN_AFTER, Client, wait_after
from shared.clock import Clock


class Throttle:
    """Counts failures per account and address together: nobody can lock another one out from elsewhere.

    The account is named as it was typed, known or not, so that waiting tells nothing about it.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def admit(self, unit: Unit, account: str, client: Client) -> None:
        """Count an attempt as failed before it is made. Raises TooManyAttempts while one has to wait."""
        subject = self._subject(account, client)
        now = self._clock.now()
        failures = await unit.attempts.count(subject, now, now - FAILURES_FORGOTTEN_AFTER)
        if failures is None:
            free_at = await unit.attempts.free_at(subject)
            raise TooManyAttempts(free_at - now if free_at else timedelta())
        wait = wait_after(failures)
        if wait:
            await unit.attempts.delay(subject, now + wait)

    async def succeeded(self, unit: Unit, account: str, client: Client) -> None:
        await unit.attempts.forget(self._subject(account, client))

    @staticmethod
    def _subject(account: str, client: Client) -> str:
        return hashlib.sha256(f"{account}|{client.address}".encode()).hexdigest()
