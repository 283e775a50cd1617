"""Anomalies straight on the topic of analysis, so that alerting alone is the limit.

`samples.scored` needs no signature (docs/decisions/0062): it destroys nothing.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from aiokafka import AIOKafkaProducer

from bench.alerting.plants import Ledger
from shared.events.analysis import SAMPLES_SCORED
from shared.events.base import Event
from shared.events.codec import encode
from tests.support.waiting import eventually
from tests.unit.alerting.examples import scored

RATIO = 2.0
SECOND = timedelta(seconds=1)
MAX_SECONDS = 300.0


@dataclass(frozen=True)
class Message:
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]]


def message(
    organization_id: UUID, machine_id: UUID, ratios: Sequence[float | None], start: datetime
) -> Message:
    """A block of samples, a second apart."""
    payload = scored(machine_id, ratios, start=start, every=SECOND)
    event = Event(uuid4(), SAMPLES_SCORED, str(machine_id), organization_id, datetime.now(UTC), payload)
    value, headers = encode(event)
    return Message(event.key.encode(), value, list(headers.items()))


class Storm:
    """Blocks of `size` anomalies for some machines in turn, their samples later from block to block."""

    def __init__(
        self, producer: AIOKafkaProducer, organization_id: UUID, machines: Sequence[UUID], size: int
    ) -> None:
        self.machines = machines
        self.size = size
        self.sent = 0
        self._producer = producer
        self._organization_id = organization_id
        self._at = datetime.now(UTC) - timedelta(hours=12)

    def blocks(self, count: int) -> Iterator[Message]:
        for number in range(count):
            machine_id = self.machines[number % len(self.machines)]
            yield message(self._organization_id, machine_id, [RATIO] * self.size, self._at)
            if (number + 1) % len(self.machines) == 0:
                self._at += self.size * SECOND

    async def send(self, messages: Sequence[Message]) -> None:
        sent = [
            await self._producer.send(
                SAMPLES_SCORED.name, each.value, key=each.key, headers=list(each.headers)
            )
            for each in messages
        ]
        await asyncio.gather(*sent)
        self.sent += len(messages)

    async def consumed(self, ledger: Ledger, count: int) -> float:
        """Seconds from the publication of so many blocks until the rules have judged all of them."""
        messages = list(self.blocks(count))
        began = time.perf_counter()
        await self.send(messages)
        await self.over(ledger)
        return time.perf_counter() - began

    async def behind(self, ledger: Ledger) -> int:
        """How many blocks are not judged yet."""
        return self.sent - await ledger.judged(self.machines)

    async def over(self, ledger: Ledger) -> None:
        async def judged() -> bool:
            return await self.behind(ledger) <= 0

        await eventually(judged, seconds=MAX_SECONDS, every=0.02, what="judging a storm")

    @asynccontextmanager
    async def blowing(self, per_second: float) -> AsyncIterator[None]:
        """Send so many anomalies per second for as long as the context lasts."""
        task = asyncio.create_task(self._blow(per_second))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _blow(self, per_second: float) -> None:
        pause = self.size * len(self.machines) / per_second
        due = time.perf_counter()
        while True:
            await self.send(list(self.blocks(len(self.machines))))
            due += pause
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
