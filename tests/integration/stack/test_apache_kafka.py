"""Apache Kafka as the local broker: it keeps topics and records over a kill, so services are left alone."""

from __future__ import annotations

import asyncio
import os

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from tests.servers import BOOTSTRAP_VARIABLE, KAFKA_VARIABLE, Broker
from tests.stack import Stack

pytestmark = pytest.mark.skipif(
    os.environ.get(KAFKA_VARIABLE) != "apache" or bool(os.environ.get(BOOTSTRAP_VARIABLE)),
    reason="runs under `make test-kafka`",
)


async def send_one(bootstrap: str, topic: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    await producer.start()
    try:
        await producer.send_and_wait(topic, b"kept", key=b"key")
    finally:
        await producer.stop()


async def read_one(bootstrap: str, topic: str) -> bytes | None:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        record = await asyncio.wait_for(consumer.getone(), 20)
        value: bytes | None = record.value
        return value
    finally:
        await consumer.stop()


async def test_a_killed_broker_keeps_its_records(own_broker: Broker) -> None:
    from aiokafka.admin import AIOKafkaAdminClient, NewTopic

    assert not own_broker.forgets
    admin = AIOKafkaAdminClient(bootstrap_servers=own_broker.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic("kept", 1, 1)])
    await admin.close()
    await send_one(own_broker.bootstrap, "kept")
    await asyncio.to_thread(own_broker.kill)
    await asyncio.to_thread(own_broker.start)
    assert await read_one(own_broker.bootstrap, "kept") == b"kept"


async def test_the_supervisor_restarts_it_with_its_records() -> None:
    with Stack(servers_only=True) as stack:
        await send_one(stack.kafka_bootstrap, "machine.changed")
        await asyncio.to_thread(stack.kill, "broker")
        await asyncio.to_thread(stack.wait_ready)
        assert await read_one(stack.kafka_bootstrap, "machine.changed") == b"kept"
