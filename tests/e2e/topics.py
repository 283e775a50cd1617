"""What a downstream system sees on the topics."""

import asyncio
from collections.abc import Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord

Record = ConsumerRecord[bytes, bytes]
# Silence on all topics for this long means that everything has been read.
QUIET_MS = 1_500


def read_all(bootstrap: str, *topics: str) -> list[Record]:
    """Every record that is on the topics now."""
    return asyncio.run(_read_all(bootstrap, topics))


async def _read_all(bootstrap: str, topics: Iterable[str]) -> list[Record]:
    consumer = AIOKafkaConsumer(*topics, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    records: list[Record] = []
    try:
        while batches := await consumer.getmany(timeout_ms=QUIET_MS):
            for batch in batches.values():
                records.extend(batch)
    finally:
        await consumer.stop()
    return records


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
