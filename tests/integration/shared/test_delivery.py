"""Outbox, relay, inbox, retries and dead letters on a real database and broker."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaProducer

from shared.access import Scope
from shared.clock import time_ordered_id
from shared.events.auth import ORGANIZATION_CHANGED, OrganizationChanged
from shared.events.base import Event
from shared.kafka.connection import KafkaConnection
from shared.kafka.consumer import Consumer
from shared.kafka.relay import Relay
from shared.postgres.connection import Database
from shared.process import background
from shared.settings import InstallationSettings
from tests.support.installation import TestDatabase
from tests.support.messaging import MessagingUnit, MessagingUnits
from tests.support.records import read_to_end, reading
from tests.support.signing import encode_signed, signer
from tests.support.waiting import eventually

SERVICE = "machines"


@pytest.fixture(scope="module")
async def pool(database: TestDatabase) -> AsyncIterator[Database]:
    async with Database(database.dsn(SERVICE), service=SERVICE, pool_size=5) as opened:
        yield opened


@pytest.fixture(scope="module")
def kafka(installation: InstallationSettings) -> KafkaConnection:
    return KafkaConnection(installation, client_id="test")


def make_relay(pool: Database, kafka: KafkaConnection) -> Relay:
    return Relay(pool, kafka, signer("auth"), service=SERVICE)


def organization(name: str, organization_id: UUID | None = None) -> OrganizationChanged:
    return OrganizationChanged(
        organization_id=organization_id or uuid4(),
        name=name,
        slug=name,
        is_active=True,
        version=1,
        changed_at=datetime.now(UTC),
    )


async def publish(units: MessagingUnits, *payloads: OrganizationChanged) -> None:
    async with units(Scope()) as unit:
        for payload in payloads:
            id_ = payload.organization_id
            await unit.outbox.add(ORGANIZATION_CHANGED, id_, payload, organization_id=id_)


async def publish_and_fail(units: MessagingUnits, payload: OrganizationChanged) -> None:
    async with units(Scope()) as unit:
        await unit.outbox.add(ORGANIZATION_CHANGED, payload.organization_id, payload, organization_id=None)
        raise RuntimeError("rolled back")


async def waiting(pool: Database) -> int:
    async with pool.transaction(Scope()) as connection:
        return int(await connection.fetchval("SELECT count(*) FROM outbox WHERE published_at IS NULL"))


async def drained(pool: Database) -> bool:
    return await waiting(pool) == 0


async def test_events_of_one_key_arrive_in_order_and_only_when_committed(
    pool: Database, kafka: KafkaConnection, bootstrap: str
) -> None:
    units = MessagingUnits(pool)
    id_ = uuid4()
    async with background(make_relay(pool, kafka).loop.run()):
        for number in range(0, 60, 3):
            await publish(units, *(organization(f"n{number + i}", id_) for i in range(3)))
        with pytest.raises(RuntimeError, match="rolled back"):
            await publish_and_fail(units, organization("never", id_))
        await publish(units, organization("last", id_))
        async with reading(bootstrap, ORGANIZATION_CHANGED) as reader:
            events = await reader.wait_for(ORGANIZATION_CHANGED, 61, organization_id=id_)
    assert [event.payload.name for event in events] == [*(f"n{n}" for n in range(60)), "last"]


async def test_two_relays_publish_nothing_twice_and_the_second_takes_over(
    pool: Database, kafka: KafkaConnection, bootstrap: str
) -> None:
    units = MessagingUnits(pool)
    id_ = uuid4()
    first = asyncio.create_task(make_relay(pool, kafka).loop.run())
    second = asyncio.create_task(make_relay(pool, kafka).loop.run())
    try:
        await publish(units, *(organization(f"a{n}", id_) for n in range(50)))
        await eventually(lambda: drained(pool), what="an empty outbox")
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await publish(units, *(organization(f"b{n}", id_) for n in range(50)))
        await eventually(lambda: drained(pool), what="an empty outbox")
    finally:
        for task in (first, second):
            task.cancel()
        await asyncio.gather(first, second, return_exceptions=True)
    records = await read_to_end(bootstrap, ORGANIZATION_CHANGED.name)
    assert sum(record.key == str(id_).encode() for record in records) == 100


async def test_a_relay_killed_between_publish_and_mark_loses_nothing_and_doubles_no_effect(
    pool: Database, kafka: KafkaConnection, bootstrap: str
) -> None:
    id_ = uuid4()
    # Other tests may have left events. Publish them first, so that the dying relay reaches this one.
    async with background(make_relay(pool, kafka).loop.run()):
        await eventually(lambda: drained(pool), what="an empty outbox")
    await publish(MessagingUnits(pool), organization("once", id_))
    module = "tests.integration.shared.dying_relay"
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", module, pool.dsn, bootstrap)
    assert await asyncio.wait_for(process.wait(), 60) == -signal.SIGKILL
    assert not await drained(pool)
    seen: list[UUID] = []

    def handle(event: Event[OrganizationChanged], _unit: MessagingUnit) -> None:
        if event.payload.organization_id == id_:
            seen.append(event.id)

    async with consuming(pool, kafka, handle), background(make_relay(pool, kafka).loop.run()):
        await eventually(lambda: drained(pool), what="an empty outbox")
        async with reading(bootstrap, ORGANIZATION_CHANGED) as reader:
            copies = await reader.wait_for(ORGANIZATION_CHANGED, 2, organization_id=id_)
        await publish(MessagingUnits(pool), organization("after", id_))

        async def arrived() -> bool:
            return len(seen) >= 2

        await eventually(arrived, what="the event after the duplicates")
    assert copies[0].id == copies[1].id
    assert len(seen) == len(set(seen)) == 2


@asynccontextmanager
async def consuming(
    pool: Database,
    kafka: KafkaConnection,
    handler: Callable[[Event[OrganizationChanged], MessagingUnit], object],
) -> AsyncIterator[Consumer[MessagingUnit]]:
    consumer = Consumer(kafka, pool, MessagingUnits(pool), time_ordered_id, group=f"test-{uuid4().hex[:8]}")

    async def run(event: Event[OrganizationChanged], unit: MessagingUnit) -> None:
        outcome = handler(event, unit)
        if asyncio.iscoroutine(outcome):
            await outcome

    consumer.on(ORGANIZATION_CHANGED, run)
    async with background(consumer.loop.run()):
        yield consumer


async def send(bootstrap: str, *records: tuple[bytes, bytes, list[tuple[str, bytes]]]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        for key, value, headers in records:
            await producer.send_and_wait(ORGANIZATION_CHANGED.name, value, key=key, headers=headers)
    finally:
        await producer.stop()


def record(payload: OrganizationChanged, event_id: UUID) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    key = str(payload.organization_id)
    event = Event(event_id, ORGANIZATION_CHANGED, key, payload.organization_id, datetime.now(UTC), payload)
    value, headers = encode_signed(event)
    return key.encode(), value, list(headers.items())


async def test_an_event_delivered_twice_has_one_effect(
    pool: Database, kafka: KafkaConnection, bootstrap: str
) -> None:
    payload = organization("twice")
    once = record(payload, uuid4())
    after = record(organization("after", payload.organization_id), uuid4())
    seen: list[str] = []
    mine = payload.organization_id

    def handle(event: Event[OrganizationChanged], _unit: MessagingUnit) -> None:
        if event.payload.organization_id == mine:
            seen.append(event.payload.name)

    async with consuming(pool, kafka, handle):
        await send(bootstrap, once, once, once, after)

        async def arrived() -> bool:
            return "after" in seen

        await eventually(arrived, what="the last event")
    assert seen == ["twice", "after"]


async def test_poison_is_dead_lettered_with_its_reason_and_stalls_nothing(
    pool: Database, kafka: KafkaConnection, bootstrap: str
) -> None:
    id_ = uuid4()
    refused, good = organization("refused", id_), organization("good", id_)
    handled: list[str] = []

    def handle(event: Event[OrganizationChanged], _unit: MessagingUnit) -> None:
        if event.payload.organization_id != id_:
            return
        if event.payload.name == "refused":
            raise ValueError("this one cannot be done")
        handled.append(event.payload.name)

    garbage = b"\x00\xff no event"
    async with consuming(pool, kafka, handle):
        await send(
            bootstrap,
            (str(id_).encode(), garbage, [("ce_id", b"\xfe")]),
            # A number as key, as other producers write it. PostgreSQL stores no NUL in texts.
            (b"\x00\x00\x00\x01", garbage, [("nul", b"\x00")]),
            record(refused, uuid4()),
            record(good, uuid4()),
        )

        async def arrived() -> bool:
            return handled == ["good"]

        await eventually(arrived, what="the record after the poison record")
    query = "SELECT value, headers FROM outbox WHERE topic = $1 AND key = $2 ORDER BY seq"
    async with pool.transaction(Scope()) as connection:
        dead_letters = await connection.fetch(query, ORGANIZATION_CHANGED.dead_letter, str(id_))
    assert [row["value"] for row in dead_letters] == [garbage, record(refused, uuid4())[1]]
    assert "lacks the headers" in dead_letters[0]["headers"]["dead-letter-reason"]
    assert dead_letters[1]["headers"]["dead-letter-reason"] == "ValueError: this one cannot be done"
    assert dead_letters[1]["headers"]["dead-letter-topic"] == ORGANIZATION_CHANGED.name


async def test_a_failed_attempt_leaves_nothing_behind_and_the_next_one_succeeds(
    pool: Database, kafka: KafkaConnection, bootstrap: str
) -> None:
    payload, effect = organization("second try"), uuid4().hex
    tries: list[int] = []

    async def handle(event: Event[OrganizationChanged], unit: MessagingUnit) -> None:
        if event.payload.organization_id != payload.organization_id:
            return
        tries.append(len(tries))
        await unit.outbox.add(ORGANIZATION_CHANGED, effect, payload, organization_id=None)
        if len(tries) == 1:
            raise ValueError("only the first time")

    async def effects() -> int:
        async with pool.transaction(Scope()) as connection:
            return int(await connection.fetchval("SELECT count(*) FROM outbox WHERE key = $1", effect))

    async with consuming(pool, kafka, handle):
        await send(bootstrap, record(payload, uuid4()))
        # The effect is visible once it is committed, which is after the handler has returned.
        assert await eventually(effects, what="the effect of the second try") == 1
    assert len(tries) == 2
