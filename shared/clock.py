"""The sources of time and identifiers, so that tests can control both."""

from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

from uuid_utils.compat import uuid7


class Clock(Protocol):
    def now(self) -> datetime:
        """The current time, timezone-aware, in UTC."""
        ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class IdGenerator(Protocol):
    def __call__(self) -> UUID: ...


def time_ordered_id() -> UUID:
    """A version 7 UUID. It sorts by creation time, so inserts go to the end of an index."""
    return uuid7()
