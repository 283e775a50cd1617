"""What others notice of a storm: how soon their alerts are raised, and how long their requests take."""

import asyncio
import itertools
import statistics
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from bench.alerting.plants import Site
from bench.alerting.storm import RATIO, Message, message
from shared.events.alerting import ALERT_RAISED
from shared.events.analysis import SAMPLES_SCORED

# An anomaly, and what lets a rule with `clear` resolve its alert, so that the next one raises another.
PROBE = [RATIO, *[0.5] * 4]
CLEAR = {"no_recurrence_for": "PT2S"}
APART = timedelta(seconds=20)
PAUSE_SECONDS = 0.05
MAX_SECONDS = 120.0


def p95(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=20, method="inclusive")[18]


class Watch:
    """Publishes, and sees when what follows comes back from the broker: milliseconds of each."""

    def __init__(self, producer: AIOKafkaProducer, consumer: AIOKafkaConsumer, echo: str) -> None:
        self._producer = producer
        self._consumer = consumer
        self._echo = echo
        self._waiting: dict[tuple[str, str], asyncio.Future[float]] = {}

    async def echoes(self, seconds: float) -> list[float]:
        """How long the broker itself takes: from the publication of a record to its arrival."""
        value, ends_at, taken = b"x" * 1000, time.monotonic() + seconds, list[float]()
        while time.monotonic() < ends_at or len(taken) < 2:
            key = uuid4().hex
            sending = Message(key.encode(), value, ())
            taken.append(await self._timed(self._echo, (self._echo, key), sending))
            await asyncio.sleep(PAUSE_SECONDS)
        return taken

    async def alerts(self, site: Site, times: Iterator[datetime], seconds: float) -> list[float]:
        """From the publication of an anomaly to the arrival of `alert.raised`, one after the other."""
        machines, ends_at, taken = itertools.cycle(site.machines), time.monotonic() + seconds, list[float]()
        while time.monotonic() < ends_at or len(taken) < 2:
            machine_id, at = next(machines), next(times)
            sending = message(site.organization_id, machine_id, PROBE, at)
            known_by = (ALERT_RAISED.name, f"{machine_id} {at:%FT%T}")
            taken.append(await self._timed(SAMPLES_SCORED.name, known_by, sending))
            await asyncio.sleep(PAUSE_SECONDS)
        return taken

    async def listen(self) -> None:
        async for record in self._consumer:
            key = record.key.decode()
            if record.topic == ALERT_RAISED.name:
                key = f"{key} {orjson.loads(record.value)['first_seen_at'][:19]}"
            if waiting := self._waiting.pop((record.topic, key), None):
                waiting.set_result(time.perf_counter())

    async def _timed(self, topic: str, known_by: tuple[str, str], sending: Message) -> float:
        waiting = self._waiting[known_by] = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        await self._producer.send(topic, sending.value, key=sending.key, headers=list(sending.headers))
        arrived: float = await asyncio.wait_for(waiting, MAX_SECONDS)
        return (arrived - began) * 1000


@asynccontextmanager
async def watching(bootstrap: str, producer: AIOKafkaProducer) -> AsyncIterator[Watch]:
    echo = f"bench.echo.{uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(echo, 1, 1)])
    await admin.close()
    consumer = AIOKafkaConsumer(ALERT_RAISED.name, echo, bootstrap_servers=bootstrap)
    await consumer.start()
    watch = Watch(producer, consumer, echo)
    listening = asyncio.create_task(watch.listen())
    try:
        yield watch
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await consumer.stop()


def sample_times() -> Iterator[datetime]:
    """Each later than the one before by more than an alert lasts."""
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=12)
    return (start + number * APART for number in itertools.count())


async def requests(url: str, site: Site, rule: UUID, seconds: float) -> dict[str, list[float]]:
    """Milliseconds of changing a rule whose machine is in the storm, and of acknowledging its alert."""
    taken: dict[str, list[float]] = {"PATCH of a rule": [], "acknowledge": []}
    async with httpx2.AsyncClient(base_url=f"{url}/api/v1", headers=site.plant.headers, timeout=120) as api:
        found = await api.get("/alerts", params={"alert_rule_id": str(rule), "limit": 1})
        alert = found.raise_for_status().json()["items"][0]["id"]

        async def timed(name: str | None, method: str, path: str, body: dict[str, Any]) -> None:
            began = time.perf_counter()
            (await api.request(method, path, json=body)).raise_for_status()
            if name is not None:
                taken[name].append((time.perf_counter() - began) * 1000)

        ends_at = time.monotonic() + seconds
        while time.monotonic() < ends_at or len(taken["acknowledge"]) < 2:
            await timed("PATCH of a rule", "PATCH", f"/alert-rules/{rule}", {"name": f"Far {uuid4()}"})
            await timed("acknowledge", "POST", f"/alerts/{alert}/acknowledge", {})
            await timed(None, "POST", f"/alerts/{alert}/unacknowledge", {})
            await asyncio.sleep(PAUSE_SECONDS)
    return taken
