"""Reading topics as an outsider would."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord

from shared.events.base import Event, P, Topic
from shared.events.codec import UndecodableRecord, decode
from tests.support.waiting import eventually


class TopicReader:
    """Everything on some topics from their beginning."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self.records: list[ConsumerRecord[bytes, bytes]] = []
        self._decoded: dict[str, list[Event[Any]]] = {}
        self._seen: dict[str, int] = {}

    async def read(self) -> list[ConsumerRecord[bytes, bytes]]:
        batches = await self._consumer.getmany(timeout_ms=100)
        for batch in batches.values():
            self.records.extend(batch)
        return self.records

    async def events(self, topic: Topic[P]) -> list[Event[P]]:
        """The valid events; tests of poison leave records on the topics that are none."""
        records = await self.read()
        found = self._decoded.setdefault(topic.name, [])
        # Each record is decoded once: this is asked again and again while tests wait.
        for record in records[self._seen.get(topic.name, 0) :]:
            if record.topic == topic.name:
                with suppress(UndecodableRecord):
                    found.append(decode(topic, record.key, record.value, record.headers))
        self._seen[topic.name] = len(records)
        return list(found)

    async def wait_for(self, topic: Topic[P], count: int, **having: Any) -> list[Event[P]]:
        """The events whose payload has these field values, once there are `count` of them."""

        async def enough() -> list[Event[P]]:
            events = [
                event
                for event in await self.events(topic)
                if all(getattr(event.payload, name) == value for name, value in having.items())
            ]
            return events if len(events) >= count else []

        return await eventually(enough, what=f"{count} x {topic.name}")


async def read_to_end(bootstrap: str, *topics: str) -> list[ConsumerRecord[bytes, bytes]]:
    """Every record that is on the topics now. The broker says where they end; silence would prove nothing."""
    consumer = AIOKafkaConsumer(*topics, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        assert {place.topic for place in consumer.assignment()} == set(topics)
        ends = await consumer.end_offsets(consumer.assignment())
        records: list[ConsumerRecord[bytes, bytes]] = []
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            for batch in (await consumer.getmany(timeout_ms=100)).values():
                records.extend(batch)
        return records
    finally:
        await consumer.stop()


@asynccontextmanager
async def reading(bootstrap: str, *topics: Topic[Any]) -> AsyncIterator[TopicReader]:
    consumer = AIOKafkaConsumer(
        *(topic.name for topic in topics), bootstrap_servers=bootstrap, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        yield TopicReader(consumer)
    finally:
        await consumer.stop()
