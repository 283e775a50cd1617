"""Turns of requests that need a processor for seconds: a few at a time, and a few of each organization.

Whoever waits for a turn must hold nothing that others need, such as a connection to the database.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from uuid import UUID

from shared.errors import RETRY_AFTER_SECONDS, TooManyRequests


class TooManyAtOnce(TooManyRequests):
    code = "too-many-at-once"

    def __init__(self, what: str, maximum: int) -> None:
        super().__init__(
            f"Your organization has {maximum} {what} under way, the maximum. Try again when one has ended.",
            headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
        )


class Turns:
    """`what` is counted: a plural. Of each organization at most `of_organization` run or wait."""

    def __init__(self, what: str, *, at_once: int, of_organization: int) -> None:
        self._what = what
        self._max = of_organization
        self._turn = asyncio.Semaphore(at_once)
        self._taken: Counter[UUID] = Counter()

    def taken(self, organization_id: UUID) -> int:
        """The places that the organization has taken."""
        return self._taken[organization_id]

    @contextmanager
    def place(self, organization_id: UUID) -> Iterator[None]:
        """One of the organization's places. Raises TooManyAtOnce."""
        if self._taken[organization_id] >= self._max:
            raise TooManyAtOnce(self._what, self._max)
        self._taken[organization_id] += 1
        try:
            yield
        finally:
            self._taken[organization_id] -= 1
            if not self._taken[organization_id]:
                del self._taken[organization_id]

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait until it is one's turn, in the order of asking; it ends with the block."""
        async with self._turn:
            yield

    @asynccontextmanager
    async def of(self, organization_id: UUID) -> AsyncIterator[None]:
        """A place and a turn. Raises TooManyAtOnce."""
        with self.place(organization_id):
            async with self._turn:
                yield
