"""Events as clients get them, and the window of recent events that a client can resume from."""

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

# Two gateways may see events of different partitions in different order. A client that resumes gets the
# events just before its last one again, rather than miss any; clients deduplicate by id.
REORDERING = timedelta(seconds=1)
# Ids are remembered for longer than events, so that redelivered ones are recognized.
KNOWN_PER_KEPT = 4
# The type of events about something that was deleted since: nobody gets them any more.
FORGOTTEN = ""


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """`text` is the JSON that clients get, rendered once for all of them."""

    id: UUID
    type: str
    time: datetime
    organization_id: UUID
    machine_id: UUID
    text: str


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events a client asked for; empty means all."""

    types: frozenset[str] = frozenset()
    machine_id: UUID | None = None

    def __contains__(self, event: StreamEvent) -> bool:
        return (not self.types or event.type in self.types) and self.machine_id in (None, event.machine_id)


class Overrun(Exception):
    """Events between the client's position and the beginning of the window are gone."""


class Window:
    """The latest events of one organization, in order of arrival. Positions count from 0 and never repeat."""

    def __init__(self, *, capacity: int, max_age: timedelta) -> None:
        self._capacity = capacity
        self._max_age = max_age
        self._events: deque[StreamEvent] = deque()
        self._known: OrderedDict[UUID, None] = OrderedDict()
        self._positions: dict[UUID, int] = {}
        self.end = 0

    @property
    def begin(self) -> int:
        return self.end - len(self._events)

    @property
    def newest(self) -> StreamEvent | None:
        return self._events[-1] if self._events else None

    def add(self, event: StreamEvent, now: datetime) -> bool:
        """Add the event; False when it is already known or too old."""
        if event.id in self._known or event.time < now - self._max_age:
            return False
        self._known[event.id] = None
        if len(self._known) > self._capacity * KNOWN_PER_KEPT:
            self._known.popitem(last=False)
        self._events.append(event)
        self._positions[event.id] = self.end
        self.end += 1
        if len(self._events) > self._capacity:
            self._drop_oldest()
        self.expire(now)
        return True

    def expire(self, now: datetime) -> None:
        """Remove events that have become too old."""
        while self._events and self._events[0].time < now - self._max_age:
            self._drop_oldest()

    def forget(self, machine_id: UUID | None) -> None:
        """Blank the events of a machine, or all. Their places stay, so that no client falls out of step."""
        for place, event in enumerate(self._events):
            if machine_id in (None, event.machine_id):
                self._events[place] = replace(event, type=FORGOTTEN, text="{}")

    def since(self, position: int) -> Sequence[StreamEvent]:
        """The events from `position` on. Raises Overrun when some of them are gone."""
        if position < self.begin:
            raise Overrun
        later = list(islice(reversed(self._events), self.end - position))[::-1]
        return [event for event in later if event.type != FORGOTTEN]

    def resume(self, event_id: UUID) -> Sequence[StreamEvent] | None:
        """What a client missed since this event; None when the event is not in the window."""
        position = self._positions.get(event_id)
        if position is None:
            return None
        last = self._events[position - self.begin]
        before = islice(self._events, position - self.begin)
        close = [e for e in before if e.time > last.time - REORDERING and e.type != FORGOTTEN]
        return [*close, *self.since(position + 1)]

    def _drop_oldest(self) -> None:
        del self._positions[self._events.popleft().id]


def in_order(events: Iterable[StreamEvent]) -> list[StreamEvent]:
    """Events of many partitions in the order in which they happened."""
    return sorted(events, key=lambda event: (event.time, event.id))
