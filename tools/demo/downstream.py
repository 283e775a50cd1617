"""A downstream system that knows the topic's name and CloudEvents, and none of DInsight's code."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

TOPIC = "anomaly.detected"
START_SECONDS = 15.0


class Downstream:
    """Listens from its start."""

    def __init__(self, bootstrap: str) -> None:
        self._consumer = AIOKafkaConsumer(TOPIC, bootstrap_servers=bootstrap, auto_offset_reset="latest")

    async def start(self) -> bool:
        """Start to listen at the end of the topic. Returns False if the broker is unreachable."""
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._consumer.start()
                # Where it listens from is decided now, and not at the first record.
                for partition in self._consumer.assignment():
                    await self._consumer.position(partition)
        except (KafkaError, OSError, TimeoutError):
            await self._consumer.stop()
            return False
        return True

    async def first_line(self, machine_id: str) -> str | None:
        """Wait for the machine's first anomaly and return it as a line of text."""
        async for record in self._consumer:
            line = line_of(record.headers, record.value, machine_id)
            if line is not None:
                return line
        return None

    async def stop(self) -> None:
        await self._consumer.stop()


def line_of(headers: Any, value: bytes, machine_id: str) -> str | None:
    """Return this system's log line for a record; None if the machine is not one of its own."""
    attributes = {name: content.decode() for name, content in headers}
    anomaly = json.loads(value)
    if anomaly["machine_id"] != machine_id:
        return None
    strongest = anomaly["features"][0] if anomaly["features"] else {"name": "-", "deviation": 0.0}
    return (
        f"{attributes['ce_time']} {attributes['ce_type']} id={attributes['ce_id']} machine={machine_id}"
        f" sample={anomaly['sample_index']} severity={anomaly['severity']}"
        f" ratio={anomaly['distance_ratio']:.2f} strongest={strongest['name']}"
        f" ({strongest['deviation']:+.1f} sd)"
    )
