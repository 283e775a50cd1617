"""What a downstream system sees on the topics."""

import asyncio
from collections.abc import Iterable
from functools import partial
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord
from aiokafka.structs import TopicPartition

from dinsight.installation import SERVICES
from shared.events.deletions import DELETION_REQUESTED
from shared.events.registry import TOPICS
from tests.stack import Stack
from tests.support.records import read_to_end
from tests.support.waiting import eventually

Record = ConsumerRecord[bytes, bytes]
LAST_EVENT = "SELECT coalesce(max(seq), 0) FROM {}.outbox"
WAITING = "SELECT count(*) FROM {}.outbox WHERE published_at IS NULL AND refused IS NULL AND seq <= $1"


def read_published(stack: Stack, *topics: str) -> list[Record]:
    """Every record on the topics, once all events that the services have committed until now are there.

    What a client sees is committed; its events reach the broker a moment later.
    """
    return asyncio.run(_read_published(stack, topics))


async def _read_published(stack: Stack, topics: Iterable[str]) -> list[Record]:
    connection = await asyncpg.connect(stack.admin_dsn)
    try:
        for service in SERVICES:
            last = await connection.fetchval(LAST_EVENT.format(service))

            async def published(service: str = service, last: int = last) -> bool:
                return not await connection.fetchval(WAITING.format(service), last)

            await eventually(published, what=f"the events of {service} on the broker")
    finally:
        await connection.close()
    return await read_to_end(stack.kafka_bootstrap, *topics)


def wait_handled(stack: Stack) -> None:
    """Wait until every service has handled all events on its topics, and those that followed from them."""
    read_published(stack, DELETION_REQUESTED.name)
    asyncio.run(_wait_handled(stack.kafka_bootstrap))


async def _wait_handled(bootstrap: str) -> None:
    for group in SERVICES:
        # It is assigned partitions and does not join the group: it only asks how far that is.
        reader = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False)
        await reader.start()
        try:
            await eventually(partial(_is_handled, reader), what=f"every event to be handled by {group}")
        finally:
            await reader.stop()


async def _is_handled(reader: AIOKafkaConsumer) -> bool:
    names = [topic.name for topic in TOPICS]
    places = [TopicPartition(name, n) for name in names for n in reader.partitions_for_topic(name) or ()]
    reader.assign(places)
    ends = await reader.end_offsets(places)
    committed = [(ends[place], await reader.committed(place)) for place in places]
    return all(offset is None or offset >= end for end, offset in committed)


def send(bootstrap: str, topic: str, *records: tuple[bytes | None, bytes, list[tuple[str, bytes]]]) -> None:
    """Put raw records (key, value, headers) on a topic."""
    asyncio.run(_send(bootstrap, topic, records))


async def _send(bootstrap: str, topic: str, records: Iterable[tuple[Any, bytes, Any]]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        for key, value, headers in records:
            await producer.send_and_wait(topic, value, key=key, headers=headers)
    finally:
        await producer.stop()


def header(record: Record, name: str) -> str:
    return dict(record.headers)[name].decode()


def is_event(record: Record) -> bool:
    """Whether it looks like an event; tests of poison put other things on the topics."""
    return "ce_type" in dict(record.headers)
