"""Events as clients get them, and the window of the newest ones that each organization can go back to."""

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

# Two gateways may see events of different partitions in different order. Who resumes gets again what lies so
# close before the resumed event in time, rather than miss some of it; clients drop repeats by id.
REORDERING = timedelta(seconds=1)
# Redelivered events must be known for longer than they can be resumed from.
KNOWN_PER_KEPT = 4


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """`text` is the JSON that clients get, made once for all of them."""

    id: UUID
    type: str
    time: datetime
    organization_id: UUID
    machine_id: UUID
    text: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events a client asked for; empty means all."""

    types: frozenset[str] = frozenset()
    machine_id: UUID | None = None

    def __contains__(self, event: StreamEvent) -> bool:
        return (not self.types or event.type in self.types) and self.machine_id in (None, event.machine_id)


class Overrun(Exception):
    """Events between the client's place and the window's beginning are gone."""


class Window:
    """The newest events of one organization, in order of arrival. Places count from 0 and never repeat."""

    def __init__(self, *, capacity: int, reach: timedelta) -> None:
        self._capacity = capacity
        self._reach = reach
        self._events: deque[StreamEvent] = deque()
        self._known: OrderedDict[UUID, None] = OrderedDict()
        self._places: dict[UUID, int] = {}
        self.end = 0

    @property
    def begin(self) -> int:
        return self.end - len(self._events)

    @property
    def newest(self) -> StreamEvent | None:
        return self._events[-1] if self._events else None

    def add(self, event: StreamEvent, now: datetime) -> bool:
        """Keep the event; False when it is known already or too old."""
        if event.id in self._known or event.time < now - self._reach:
            return False
        self._known[event.id] = None
        if len(self._known) > self._capacity * KNOWN_PER_KEPT:
            self._known.popitem(last=False)
        self._events.append(event)
        self._places[event.id] = self.end
        self.end += 1
        if len(self._events) > self._capacity:
            self._drop_oldest()
        self.forget(now)
        return True

    def forget(self, now: datetime) -> None:
        """Drop what has become too old."""
        while self._events and self._events[0].time < now - self._reach:
            self._drop_oldest()

    def since(self, place: int) -> Sequence[StreamEvent]:
        """The events from `place` on. Raises Overrun when some of them are gone."""
        if place < self.begin:
            raise Overrun
        return list(islice(reversed(self._events), self.end - place))[::-1]

    def resume(self, event_id: UUID) -> Sequence[StreamEvent] | None:
        """What a client missed whose last event was this one; None when that event is not in the window."""
        place = self._places.get(event_id)
        if place is None:
            return None
        last = self._events[place - self.begin]
        before = islice(self._events, place - self.begin)
        close = [event for event in before if event.time > last.time - REORDERING]
        return [*close, *self.since(place + 1)]

    def _drop_oldest(self) -> None:
        del self._places[self._events.popleft().id]


def in_order(events: Iterable[StreamEvent]) -> list[StreamEvent]:
    """Events of many partitions as they happened."""
    return sorted(events, key=lambda event: (event.time, event.id))
