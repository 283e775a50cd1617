"""Copies for feeds: sent beside the events of a service, which never wait long for them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self

import structlog
from aiokafka.structs import RecordMetadata
from opentelemetry import metrics

# A broker in order takes a copy within milliseconds. All events of the service wait for this long.
PATIENCE_SECONDS = 1.0

logger = structlog.get_logger(__name__)

Headers = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Copy:
    feed: str
    key: bytes | None
    value: bytes | None
    headers: Headers = field(default_factory=list)


class Producer(Protocol):
    """What is used of AIOKafkaProducer."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def send(
        self, topic: str, value: bytes | None, *, key: bytes | None, headers: Headers
    ) -> asyncio.Future[RecordMetadata]: ...


class FeedCopies:
    """Sends to each feed in order, in a task of its own, through a producer of its own.

    A feed whose copies are not taken in time is late: its task goes on until the producer gives up, and
    copies that come meanwhile are lost. Nobody waits for a late feed until it has taken copies again.
    """

    def __init__(self, producer: Producer, *, service: str, patience: float = PATIENCE_SECONDS) -> None:
        self._producer = producer
        self._service = service
        self._patience = patience
        self._running: dict[str, asyncio.Task[None]] = {}
        # The copies that each late feed has lost.
        self._late: dict[str, int] = {}
        self._lost = metrics.get_meter("dinsight.relay").create_counter(
            "dinsight_feed_copies_lost", "1", "Events that a feed did not get"
        )

    @property
    def late(self) -> frozenset[str]:
        return frozenset(self._late)

    async def __aenter__(self) -> Self:
        try:
            await self._producer.start()
        except BaseException:
            await self._producer.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._running.values():
            task.cancel()
        # It waits for copies that late feeds do not take.
        await asyncio.wait({asyncio.create_task(self._producer.stop())}, timeout=self._patience)

    async def send(self, copies: Sequence[Copy]) -> None:
        """Return when all feeds that are in time have their copies, or after a moment. Never raises."""
        batches: dict[str, list[Copy]] = {}
        for copy in copies:
            batches.setdefault(copy.feed, []).append(copy)
        in_time = {
            feed: self._start(feed, batch) for feed, batch in batches.items() if feed not in self._late
        }
        for feed in batches.keys() - in_time.keys():
            if feed in self._running:
                self._lose(feed, len(batches[feed]), "it has not taken earlier ones")
            else:
                self._start(feed, batches[feed])
        if in_time:
            await asyncio.wait(in_time.values(), timeout=self._patience)
        for feed, task in in_time.items():
            if not task.done():
                self._lose(feed, 0, f"it has not taken them within {self._patience} s")

    def _start(self, feed: str, batch: Sequence[Copy]) -> asyncio.Task[None]:
        self._running[feed] = task = asyncio.create_task(self._to_feed(feed, batch))
        task.add_done_callback(lambda _: self._running.pop(feed, None))
        return task

    async def _to_feed(self, feed: str, batch: Sequence[Copy]) -> None:
        sent: list[asyncio.Future[RecordMetadata]] = []
        error: BaseException | None = None
        try:
            for copy in batch:
                sent.append(await self._producer.send(feed, copy.value, key=copy.key, headers=copy.headers))
        except Exception as raised:  # whatever is wrong with a feed concerns nobody else
            error = raised
        outcomes = await asyncio.gather(*sent, return_exceptions=True)
        errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        missing = len(batch) - len(sent) + len(errors)
        if missing:
            self._lose(feed, missing, repr(error or errors[0]))
        elif feed in self._late:
            logger.info("feed takes copies again", feed=feed, lost=self._late.pop(feed))

    def _lose(self, feed: str, copies: int, reason: str) -> None:
        """Count copies that are lost. A feed is logged once until it takes copies again."""
        if feed not in self._late:
            logger.warning("feed does not take copies", feed=feed, lost=copies, reason=reason)
        self._late[feed] = self._late.get(feed, 0) + copies
        self._lost.add(copies, {"service": self._service})
