"""How a consumer handles its records. FastStream's test broker replaces Kafka."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from aiokafka import ConsumerRecord
from faststream.kafka import TestKafkaBroker
from faststream.kafka.message import FakeConsumer

from shared.access import Scope
from shared.clock import time_ordered_id
from shared.events.auth import ORGANIZATION_CHANGED, OrganizationChanged
from shared.events.base import Event
from shared.events.codec import encode
from shared.jobs.retry import RetryPolicy
from shared.kafka.connection import KafkaConnection
from shared.kafka.consumer import Consumer
from shared.settings import InstallationSettings
from tests.support.signing import PUBLIC_KEYS, encode_signed

Changed = Event[OrganizationChanged]
MINE, THEIRS = uuid4(), uuid4()
QUICK = RetryPolicy(4, first_delay=timedelta(), max_delay=timedelta())


@dataclass
class Unit:
    """A transaction. Its effects are kept if it commits."""

    known: set[UUID]
    accepted: set[UUID] = field(default_factory=set)
    done: list[str] = field(default_factory=list)

    @property
    def inbox(self) -> "Unit":
        return self

    async def accept(self, event_id: UUID) -> bool:
        fresh = event_id not in self.known | self.accepted
        self.accepted.add(event_id)
        return fresh


class Service:
    """The committed state, the dead letters, and a handler that fails on request."""

    def __init__(self) -> None:
        self.known: set[UUID] = set()
        self.commits: list[list[str]] = []
        self.dead: list[str] = []
        self.failing: dict[str, list[Exception]] = {}
        self.prepared: list[list[str]] = []
        self.refusing: list[Exception] = []

    @asynccontextmanager
    async def units(self, _scope: Scope) -> AsyncIterator[Unit]:
        unit = Unit(self.known)
        yield unit
        self.known |= unit.accepted
        self.commits.append(unit.done)

    async def prepare(self, events: Sequence[Changed]) -> None:
        self.prepared.append([event.payload.name for event in events])

    async def handle(self, event: Changed, unit: Unit) -> None:
        if errors := self.failing.get(event.payload.name):
            raise errors.pop(0)
        unit.done.append(event.payload.name)

    @asynccontextmanager
    async def transaction(self, _scope: Scope) -> AsyncIterator["Service"]:
        yield self

    async def execute(self, _insert: str, *columns: Any) -> None:
        """Store a dead letter, the only kind of row that the consumer itself writes."""
        if self.refusing:
            raise self.refusing.pop()
        headers = columns[4]
        self.dead.append(headers["dead-letter-reason"])

    async def consume(self, *records: "ConsumerRecord[bytes, bytes]", repeatable: bool = False) -> None:
        """What a poll of the broker gave."""
        kafka = KafkaConnection(InstallationSettings(event_public_keys=PUBLIC_KEYS), client_id="test")
        consumer: Consumer[Unit] = Consumer(
            kafka,
            self,  # type: ignore[arg-type]  # stands for the database
            self.units,
            time_ordered_id,
            group="test",
            retry=QUICK,
        )
        consumer.on(ORGANIZATION_CHANGED, self.handle, prepare=self.prepare, repeatable=repeatable)
        broker = consumer.broker()
        async with TestKafkaBroker(broker):
            [subscriber] = broker.subscribers
            await subscriber.process_message(records)


def event(name: str, organization_id: UUID = MINE) -> Changed:
    payload = OrganizationChanged(
        organization_id=organization_id,
        name=name,
        slug=name,
        is_active=True,
        version=1,
        changed_at=datetime.now(UTC),
    )
    return Event(
        uuid4(), ORGANIZATION_CHANGED, str(organization_id), organization_id, datetime.now(UTC), payload
    )


def record(
    value: bytes, headers: Sequence[tuple[str, bytes]], key: bytes = b"key"
) -> "ConsumerRecord[bytes, bytes]":
    return ConsumerRecord(
        ORGANIZATION_CHANGED.name, 0, 7, 1_000, 0, key, value, None, len(key), len(value), headers
    )


def of(event: Changed) -> "ConsumerRecord[bytes, bytes]":
    value, headers = encode_signed(event)
    return record(value, list(headers.items()), event.key.encode())


@pytest.fixture
def service() -> Service:
    return Service()


async def test_neighbours_of_one_organization_share_a_transaction(service: Service) -> None:
    await service.consume(of(event("a")), of(event("b")), of(event("c", THEIRS)), of(event("d")))
    assert service.commits == [["a", "b"], ["c"], ["d"]]


async def test_each_transaction_is_prepared_with_its_events(service: Service) -> None:
    service.failing["bad"] = [ValueError("once"), ValueError("twice")]
    await service.consume(of(event("a")), of(event("bad")), of(event("c", THEIRS)))
    # Together, then each alone, and the bad one again.
    assert service.prepared == [["a", "bad"], ["a"], ["bad"], ["bad"], ["c"]]
    assert service.commits == [["a"], ["bad"], ["c"]]


async def test_an_event_delivered_twice_has_one_effect(service: Service) -> None:
    once = of(event("once"))
    await service.consume(once, once)
    await service.consume(once)
    assert [name for commit in service.commits for name in commit] == ["once"]


async def test_a_repeatable_handler_gets_events_that_the_inbox_knows(service: Service) -> None:
    once = of(event("a"))
    await service.consume(once)
    await service.consume(once, repeatable=True)
    assert service.commits == [["a"], ["a"]]


async def test_a_failing_event_is_dead_lettered_and_its_neighbours_are_not(service: Service) -> None:
    service.failing["bad"] = [ValueError("never")] * 10
    await service.consume(of(event("a")), of(event("bad")), of(event("b")))
    assert [name for commit in service.commits for name in commit] == ["a", "b"]
    assert service.dead == ["ValueError: never"]
    # Once in the shared transaction, then four times alone.
    assert len(service.failing["bad"]) == 5


async def test_a_statement_that_the_database_rejects_is_not_retried(service: Service) -> None:
    service.failing["bad"] = [asyncpg.UniqueViolationError("twice")] * 10
    await service.consume(of(event("bad")))
    assert service.dead == ["UniqueViolationError: twice"]
    assert len(service.failing["bad"]) == 9


async def test_a_database_that_is_away_is_waited_for(service: Service) -> None:
    """Transient errors do not count as attempts, however often they occur."""
    service.failing["late"] = [asyncpg.CannotConnectNowError("starting up")] * 6
    await service.consume(of(event("late")))
    assert service.commits == [["late"]]
    assert service.dead == []


async def test_a_record_that_cannot_be_read_stalls_nothing(service: Service) -> None:
    """FastStream's own parser fails forever on a header that is not UTF-8."""
    poison = record(b"\x00\xff", [("ce_id", b"\xff\xfe"), ("reply_to", b"nowhere")])
    await service.consume(of(event("a")), poison, of(event("b")))
    assert [name for commit in service.commits for name in commit] == ["a", "b"]
    [reason] = service.dead
    assert "lacks the headers" in reason


async def test_a_header_without_a_value_stalls_nothing(service: Service) -> None:
    """Kafka allows it, and aiokafka gives None."""
    valueless = of(event("valueless"))
    extra: Any = ("extra", None)
    valueless.headers = (*valueless.headers, extra)
    await service.consume(of(event("a")), valueless, of(event("b")))
    assert [name for commit in service.commits for name in commit] == ["a", "b"]
    assert service.dead == ["the headers extra have no value"]


async def test_no_record_is_committed_that_was_neither_handled_nor_dead_lettered(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FastStream drops what leaves a handler, and the next commit would pass the records of its batch."""
    commits: list[None] = []

    async def commit(_consumer: FakeConsumer) -> None:
        commits.append(None)

    monkeypatch.setattr(FakeConsumer, "commit", commit)
    service.failing["bad"] = [ValueError("never")] * 10
    service.refusing = [RuntimeError("the dead letter cannot be stored")]
    await service.consume(of(event("bad")))
    assert (service.dead, commits) == ([], [])
    await service.consume(of(event("a")))
    assert len(commits) == 1


async def test_what_its_owner_did_not_sign_has_no_effect(service: Service) -> None:
    """Whoever may write to the topic may still not speak for auth, which owns it."""
    forged = event("forged")
    value, headers = encode(forged)
    unsigned = record(value, list(headers.items()), forged.key.encode())
    value, headers = encode_signed(forged, "machines")
    by_another = record(value, list(headers.items()), forged.key.encode())
    value, headers = encode_signed(event("other"))
    changed = record(value.replace(b"other", b"lies!"), list(headers.items()), forged.key.encode())
    await service.consume(of(event("a")), unsigned, by_another, changed, of(event("b")))
    assert [name for commit in service.commits for name in commit] == ["a", "b"]
    assert service.dead == [
        "SignatureError: the event is not signed",
        "SignatureError: machines may not publish this on organization.changed",
        "SignatureError: the signature is not one of auth",
    ]
