"""Kept events are published again on request, and none is lost to a relay that is marking at that moment."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from typer.testing import CliRunner

from dinsight.cli import build
from dinsight.installation import DATABASE_URL, Installation
from dinsight.republish.outboxes import republish
from shared.access import Scope
from shared.clock import SystemClock, time_ordered_id
from shared.events.auth import ORGANIZATION_CHANGED, OrganizationChanged
from shared.kafka.connection import KafkaConnection
from shared.kafka.outbox import PostgresOutbox
from shared.kafka.relay import MARK_PUBLISHED, Relay
from shared.postgres.connection import Connection, Database
from shared.process import background
from shared.settings import InstallationSettings
from tests.support.installation import TestDatabase
from tests.support.records import reading
from tests.support.signing import signer
from tests.support.waiting import eventually

SERVICE = "machines"


class MarkingLate:
    """A connection that waits before it marks what was published: its relay is between the two."""

    def __init__(self, connection: Connection, about_to_mark: asyncio.Event, go_on: asyncio.Event) -> None:
        self._connection = connection
        self._about_to_mark = about_to_mark
        self._go_on = go_on

    async def execute(self, query: str, *arguments: Any) -> Any:
        if query == MARK_PUBLISHED:
            self._about_to_mark.set()
            await self._go_on.wait()
        return await self._connection.execute(query, *arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


class SlowDatabase(Database):
    """Its first connection marks late."""

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn, service=SERVICE, pool_size=2)
        self.about_to_mark, self.go_on = asyncio.Event(), asyncio.Event()
        self._first = True

    async def connect(self) -> Any:
        connection = await super().connect()
        if not self._first:
            return connection
        self._first = False
        return MarkingLate(connection, self.about_to_mark, self.go_on)


@pytest.fixture(scope="module")
async def pool(database: TestDatabase) -> AsyncIterator[Database]:
    async with Database(database.dsn(SERVICE), service=SERVICE, pool_size=5) as opened:
        yield opened


@pytest.fixture(scope="module")
def kafka(installation: InstallationSettings) -> KafkaConnection:
    return KafkaConnection(installation, client_id="test")


async def change(pool: Database) -> UUID:
    """An organization's change, committed with its event."""
    id_ = uuid4()
    payload = OrganizationChanged(
        organization_id=id_, name="n", slug="n", is_active=True, version=1, changed_at=datetime.now(UTC)
    )
    async with pool.transaction(Scope()) as connection:
        outbox = PostgresOutbox(connection, SystemClock(), time_ordered_id)
        await outbox.add(ORGANIZATION_CHANGED, id_, payload, organization_id=id_)
    return id_


async def drained(pool: Database) -> bool:
    async with pool.transaction(Scope()) as connection:
        waiting = await connection.fetchval("SELECT count(*) FROM outbox WHERE published_at IS NULL")
    return bool(waiting == 0)


async def test_an_event_that_is_marked_after_the_reset_is_published_again(
    database: TestDatabase, pool: Database, kafka: KafkaConnection, bootstrap: str
) -> None:
    """The broker has acknowledged it and then died: on the new broker it must be, whoever marks when."""
    async with SlowDatabase(database.dsn(SERVICE)) as slow:
        id_ = await change(pool)
        async with background(Relay(slow, kafka, signer("auth"), service=SERVICE).loop.run()):
            await slow.about_to_mark.wait()
            assert await republish(database.admin_dsn, SERVICE) >= 0
            slow.go_on.set()
            async with reading(bootstrap, ORGANIZATION_CHANGED) as reader:
                first, second = await reader.wait_for(ORGANIZATION_CHANGED, 2, organization_id=id_)
            await eventually(partial(drained, pool), what="an empty outbox")
    assert first.id == second.id


async def test_the_lock_is_taken_before_relays_that_stand_by_get_it(
    database: TestDatabase, pool: Database, kafka: KafkaConnection, bootstrap: str
) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(4):
            await stack.enter_async_context(
                background(Relay(pool, kafka, signer("auth"), service=SERVICE).loop.run())
            )
        id_ = await change(pool)
        await eventually(partial(drained, pool), what="an empty outbox")
        assert await republish(database.admin_dsn, SERVICE) >= 1
        async with reading(bootstrap, ORGANIZATION_CHANGED) as reader:
            first, second = await reader.wait_for(ORGANIZATION_CHANGED, 2, organization_id=id_)
    assert first.id == second.id


async def test_the_command_resets_all_but_transient_events(database: TestDatabase, pool: Database) -> None:
    await change(pool)
    async with pool.transaction(Scope()) as connection:
        await connection.execute(
            "INSERT INTO outbox (id, topic, headers, keep_latest, transient)"
            " VALUES ($1, 'analysis.progressed', '{}', false, true)",
            uuid4(),
        )
        await connection.execute("UPDATE outbox SET published_at = now()")
        kept = await connection.fetchval("SELECT count(*) FROM outbox WHERE NOT transient")
    app = build(lambda: Installation({DATABASE_URL: database.admin_dsn}))
    result = await asyncio.to_thread(CliRunner().invoke, app, ["republish", SERVICE])
    assert result.output == f"{SERVICE}: {kept} events will be republished\n"
    async with pool.transaction(Scope()) as connection:
        rows = await connection.fetch("SELECT DISTINCT published_at IS NULL AS waits, transient FROM outbox")
        await connection.execute("DELETE FROM outbox")
    assert sorted(map(tuple, rows)) == [(False, True), (True, False)]


async def test_an_unknown_service_is_answered_with_the_known_ones(database: TestDatabase) -> None:
    app = build(lambda: Installation({DATABASE_URL: database.admin_dsn}))
    result = await asyncio.to_thread(CliRunner().invoke, app, ["republish", "machine"])
    assert result.exit_code == 1
    assert "auth, machines, analysis, alerting" in result.output
