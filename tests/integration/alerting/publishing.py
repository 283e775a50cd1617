"""Publishes events of other services."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from aiokafka import AIOKafkaProducer

from shared.events.base import Event, P, Topic
from shared.events.machines import MachineChanged
from tests.support.signing import encode_signed


def machine_changed(
    machine_id: UUID, *, name: str = "Pump 7", version: int = 1, deleted: bool = False
) -> MachineChanged:
    return MachineChanged(
        machine_id=machine_id,
        name=name,
        model=None,
        serial_number=None,
        location=None,
        status="active",
        metadata={},
        deleted=deleted,
        version=version,
        changed_at=datetime.now(UTC),
    )


class Publisher:
    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer

    async def publish(
        self, topic: Topic[P], payload: P, organization_id: UUID, *, event_id: UUID | None = None
    ) -> Event[P]:
        machine_id: Any = getattr(payload, "machine_id", organization_id)
        event = Event(
            event_id or uuid4(), topic, str(machine_id), organization_id, datetime.now(UTC), payload
        )
        value, headers = encode_signed(event)
        await self._producer.send_and_wait(
            topic.name, value, key=event.key.encode(), headers=list(headers.items())
        )
        return event


@asynccontextmanager
async def publishing(bootstrap: str) -> AsyncIterator[Publisher]:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        yield Publisher(producer)
    finally:
        await producer.stop()
