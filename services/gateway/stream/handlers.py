"""Reads the topics for the streams, without a consumer group: every gateway sees every event."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
import structlog

from services.gateway.stream.domain import StreamEvent, in_order
from services.gateway.stream.service import EventStreams
from shared.clock import Clock
from shared.events.alerting import ALERT_CHANGED, ALERT_RAISED
from shared.events.analysis import (
    ANALYSIS_COMPLETED,
    ANALYSIS_FAILED,
    ANALYSIS_PROGRESSED,
    ANOMALY_DETECTED,
    SOURCE_FAILED,
    SOURCE_RECOVERED,
    UPLOAD_RECEIVED,
)
from shared.events.base import Event, Topic
from shared.events.deletions import DELETION_REQUESTED, DeletionRequested
from shared.kafka.connection import KafkaConnection
from shared.kafka.follower import Follower

STREAMED: Mapping[str, Topic[Any]] = {
    topic.name: topic
    for topic in (
        UPLOAD_RECEIVED,
        ANALYSIS_PROGRESSED,
        ANALYSIS_COMPLETED,
        ANALYSIS_FAILED,
        SOURCE_FAILED,
        SOURCE_RECOVERED,
        ANOMALY_DETECTED,
        ALERT_RAISED,
        ALERT_CHANGED,
    )
}
TOPICS: tuple[Topic[Any], ...] = (*STREAMED.values(), DELETION_REQUESTED)
# How many past events are held to be sorted; older ones are not worth the memory.
MAX_BACKLOG = 50_000

Received = Sequence[tuple[Event[Any], bytes]]
logger = structlog.get_logger(__name__)


class Feed:
    """Gives the streams what comes, and what came in the last `lookback`; drops what was deleted."""

    def __init__(
        self, kafka: KafkaConnection, streams: EventStreams, clock: Clock, *, lookback: timedelta
    ) -> None:
        self._streams = streams
        self._backlog: list[StreamEvent] = []
        self._follower = Follower("event stream", kafka, TOPICS, self, clock, lookback=lookback)
        self.loop = self._follower.loop
        self.check = self._follower.check

    def past(self, events: Received) -> None:
        """The past comes partition by partition, and clients get it in the order it happened."""
        self._backlog = in_order([*self._backlog, *self._streamed(events)])[-MAX_BACKLOG:]

    def caught_up(self) -> None:
        backlog, self._backlog = self._backlog, []
        self._streams.publish(backlog)

    def present(self, events: Received) -> None:
        self._streams.publish(list(self._streamed(events)))

    def _streamed(self, events: Received) -> Iterator[StreamEvent]:
        for event, value in events:
            if isinstance(event.payload, DeletionRequested):
                self._streams.forget(event.payload)
            elif event.organization_id is None:
                logger.warning("event without organization skipped", topic=event.topic.name, id=str(event.id))
            else:
                yield stream_event(event, event.organization_id, value)


def stream_event(event: Event[Any], organization_id: UUID, value: bytes) -> StreamEvent:
    """The event as clients get it. `value` is its payload as it was sent."""
    machine_id: UUID = event.payload.machine_id
    text = orjson.dumps(
        {
            "id": event.id,
            "type": event.topic.name,
            "time": event.time,
            "organization_id": organization_id,
            "data": orjson.Fragment(value),
        },
        option=orjson.OPT_UTC_Z,
    )
    return StreamEvent(event.id, event.topic.name, event.time, organization_id, machine_id, text.decode())
