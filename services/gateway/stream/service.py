"""The event stream: events of the topics go out to each client of their organization."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isinf
from uuid import UUID

from opentelemetry import metrics

from services.gateway.stream.domain import EventFilter, Overrun, StreamEvent, Window
from shared.clock import Clock
from shared.errors import DInsightError
from shared.events.deletions import DeletionRequested

# Checks whether the caller may continue, and gives until when (seconds since the epoch).
Renew = Callable[[], Awaitable[float]]


@dataclass(frozen=True, slots=True)
class Reset:
    """The client missed events and must reload its view. The stream continues after `last_event_id`."""

    reason: str
    last_event_id: UUID | None


@dataclass(frozen=True, slots=True)
class Opened:
    """From here on, every event reaches the client."""


class _Channel:
    """One organization's window, and the signal that wakes its readers."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.readers = 0
        self._changed = asyncio.Event()

    def wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def change(self) -> Awaitable[bool]:
        """The next wake-up. Not a coroutine function, which would choose it only when it first runs."""
        return self._changed.wait()


class EventStreams:
    """One window per organization. A slow client costs nothing: it reads from the window, and is disconnected
    when it has fallen behind it."""

    def __init__(self, clock: Clock, *, capacity: int, max_age: timedelta) -> None:
        self._clock = clock
        self._capacity = capacity
        self._max_age = max_age
        self._channels: dict[UUID, _Channel] = {}
        # When the deletion of a machine or an organization was requested.
        self._deleted: dict[UUID, datetime] = {}
        self._closed = False
        meter = metrics.get_meter("dinsight.gateway")
        self._open = meter.create_up_down_counter("dinsight_gateway_streams", "1", "Event streams open")

    def publish(self, events: Iterable[StreamEvent]) -> None:
        """Give events to the clients of their organizations; repeats and old events are dropped."""
        now = self._clock.now()
        fresh = [
            event
            for event in events
            if not self._is_deleted(event) and self._channel(event.organization_id).window.add(event, now)
        ]
        for organization_id in {event.organization_id for event in fresh}:
            self._channels[organization_id].wake()
        self._expire(now)

    def close(self) -> None:
        """End every stream, now and in the future: the gateway is about to stop."""
        self._closed = True
        self.wake()

    def wake(self) -> None:
        """Let every stream check whether it may go on."""
        for channel in self._channels.values():
            channel.wake()

    def forget(self, deletion: DeletionRequested) -> None:
        """Drop past events of what was deleted, also those that come after the deletion."""
        self._deleted[deletion.subject_id] = deletion.requested_at
        if deletion.organization_id in self._channels:
            window = self._channels[deletion.organization_id].window
            window.forget(None if deletion.kind == "organization" else deletion.subject_id)

    async def follow(
        self,
        organization_id: UUID,
        wanted: EventFilter,
        *,
        last_event_id: str | None,
        expires_at: float,
        renew: Renew | None = None,
        is_over: Callable[[], bool] = lambda: False,
    ) -> AsyncIterator[Opened | StreamEvent | Reset]:
        """Events of the organization from now on, or after `last_event_id`.

        Ends when the caller's token has expired and is not renewed, when it `is_over` after a wake-up, when
        the client has fallen behind, and when the gateway stops.
        """
        channel = self._channel(organization_id)
        channel.readers += 1
        self._open.add(1)
        try:
            position = channel.window.end
            missed_events = self._missed(channel.window, last_event_id)
            yield Opened()
            for missed in missed_events:
                if isinstance(missed, Reset) or missed in wanted:
                    yield missed
            while not self._closed and not is_over():
                if self._remaining(expires_at) <= 0:
                    expires_at = await _renewed(renew)
                    if self._remaining(expires_at) <= 0:
                        return
                try:
                    events = channel.window.since(position)
                except Overrun:
                    yield _reset(channel.window, "The client reads more slowly than events arrive.")
                    return
                position = channel.window.end
                for event in events:
                    if event in wanted:
                        yield event
                if position == channel.window.end:
                    await self._change(channel, expires_at)
        finally:
            channel.readers -= 1
            self._open.add(-1)

    async def _change(self, channel: _Channel, expires_at: float) -> None:
        """Wait for the next event, or until the token expires."""
        seconds = self._remaining(expires_at)
        with suppress(TimeoutError):
            await asyncio.wait_for(channel.change(), None if isinf(seconds) else seconds)

    def _remaining(self, expires_at: float) -> float:
        return expires_at - self._clock.now().timestamp()

    def _missed(self, window: Window, last_event_id: str | None) -> list[StreamEvent | Reset]:
        if not last_event_id:
            return []
        try:
            missed = window.resume(UUID(last_event_id))
        except ValueError:
            missed = None
        if missed is None:
            return [_reset(window, "The last event that the client received is no longer known.")]
        return list(missed)

    def _channel(self, organization_id: UUID) -> _Channel:
        if organization_id not in self._channels:
            window = Window(capacity=self._capacity, max_age=self._max_age)
            self._channels[organization_id] = _Channel(window)
        return self._channels[organization_id]

    def _is_deleted(self, event: StreamEvent) -> bool:
        requested = (self._deleted.get(subject) for subject in (event.organization_id, event.machine_id))
        return any(at is not None and event.time <= at for at in requested)

    def _expire(self, now: datetime) -> None:
        self._deleted = {subject: at for subject, at in self._deleted.items() if at >= now - self._max_age}
        for organization_id, channel in list(self._channels.items()):
            channel.window.expire(now)
            if channel.window.newest is None and channel.readers == 0:
                del self._channels[organization_id]


def _reset(window: Window, reason: str) -> Reset:
    return Reset(reason, window.newest.id if window.newest else None)


async def _renewed(renew: Renew | None) -> float:
    """Until when the caller may continue: not at all when that is refused or cannot be checked."""
    if renew is None:
        return float("-inf")
    try:
        return await renew()
    except DInsightError:
        return float("-inf")
