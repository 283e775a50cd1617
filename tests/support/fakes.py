"""Small fakes for unit tests."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from shared.access import Caller, Role
from shared.events.base import Event, P, Topic


class FakeClock:
    """Stands still until told otherwise."""

    def __init__(self, now: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time

    def advance(self, **timedelta_arguments: float) -> None:
        self.time += timedelta(**timedelta_arguments)


class FakeOutbox:
    """Keeps what was published."""

    def __init__(self) -> None:
        self.events: list[Event[Any]] = []

    async def add(
        self, topic: Topic[P], key: str | UUID, payload: P, *, organization_id: UUID | None
    ) -> Event[P]:
        [event] = await self.add_all(topic, [(key, payload)], organization_id=organization_id)
        return event

    async def add_all(
        self, topic: Topic[P], payloads: Sequence[tuple[str | UUID, P]], *, organization_id: UUID | None
    ) -> Sequence[Event[P]]:
        now = datetime(2026, 1, 1, tzinfo=UTC)
        events = [Event(uuid4(), topic, str(key), organization_id, now, payload) for key, payload in payloads]
        self.events.extend(events)
        return events

    def payloads(self, topic: Topic[P]) -> list[P]:
        return [event.payload for event in self.events if event.topic is topic]


class FakeInbox:
    def __init__(self) -> None:
        self.seen: set[UUID] = set()

    async def accept(self, event_id: UUID) -> bool:
        fresh = event_id not in self.seen
        self.seen.add(event_id)
        return fresh


class FakePartitions:
    """Keeps for which times partitions were asked, by table."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, datetime]] = []

    async def ensure(self, table: str, times: Iterable[datetime]) -> None:
        self.asked += [(table, time) for time in times]

    async def ensure_coming(self, table: str, now: datetime) -> None:
        await self.ensure(table, [now])


def caller(organization_id: UUID | None = None, role: Role = Role.OWNER) -> Caller:
    return Caller(uuid4(), "engineer@example.org", "Test Engineer", organization_id or uuid4(), role, "token")
