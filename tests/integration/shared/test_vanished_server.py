"""A database whose host vanishes: nothing answers any more, and no connection is reset."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import pytest

from shared.access import Scope
from shared.events.auth import ORGANIZATION_CHANGED, OrganizationChanged
from shared.kafka.connection import KafkaConnection
from shared.kafka.relay import Relay
from shared.postgres import connection as postgres
from shared.postgres.connection import Database
from shared.process import background
from shared.settings import InstallationSettings
from tests.support.installation import TestDatabase
from tests.support.messaging import MessagingUnits
from tests.support.signing import signer
from tests.support.waiting import eventually

SERVICE = "machines"


class Network:
    """Passes bytes on between clients and a server. What was connected before `vanish` gets nothing more."""

    def __init__(self, host: str, port: int) -> None:
        self._server = host, port
        self.vanished = 0
        self._connected = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def vanish(self) -> None:
        self.vanished = self._connected

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connected += 1
        number = self._connected
        there, back = await asyncio.open_connection(*self._server)
        async with asyncio.TaskGroup() as passing:
            passing.create_task(self._pass(number, reader, back))
            passing.create_task(self._pass(number, there, writer))

    async def _pass(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while content := await reader.read(2**16):
                if number > self.vanished:
                    writer.write(content)
        except ConnectionError:
            pass
        writer.close()


@asynccontextmanager
async def network(dsn: str) -> AsyncIterator[tuple[Network, str]]:
    """A network in front of the server, and the address of the database through it."""
    address = urlsplit(dsn)
    assert address.hostname
    assert address.port
    found = Network(address.hostname, address.port)
    server = await asyncio.start_server(found.connect, "127.0.0.1", 0)
    login = address.netloc.rpartition("@")[0]
    port = server.sockets[0].getsockname()[1]
    yield found, urlunsplit(address._replace(netloc=f"{login}@127.0.0.1:{port}"))
    server.close()


async def published(database: Database) -> bool:
    async with database.transaction(Scope()) as connection:
        return not await connection.fetchval("SELECT count(*) FROM outbox WHERE published_at IS NULL")


async def publish(database: Database) -> None:
    id_ = uuid4()
    payload = OrganizationChanged(
        organization_id=id_, name="a", slug="a", is_active=True, version=1, changed_at=datetime.now(UTC)
    )
    async with MessagingUnits(database)(Scope()) as unit:
        await unit.outbox.add(ORGANIZATION_CHANGED, id_, payload, organization_id=id_)


async def test_events_are_published_over_a_new_connection(
    database: TestDatabase, installation: InstallationSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "COMMAND_TIMEOUT_SECONDS", 1)
    kafka = KafkaConnection(installation, client_id="test")
    dsn = database.dsn(SERVICE)
    async with (
        network(dsn) as (between, through),
        Database(dsn, service=SERVICE, pool_size=2) as direct,
        Database(through, service=SERVICE, pool_size=2) as vanishing,
    ):
        relay = Relay(vanishing, kafka, signer("auth"), service=SERVICE)
        async with background(relay.loop.run()):
            await publish(direct)
            await eventually(lambda: published(direct), what="the first event published")
            between.vanish()
            await publish(direct)
            await eventually(lambda: published(direct), what="the second event published")


async def test_sockets_notice_a_host_that_acknowledges_nothing(database: TestDatabase) -> None:
    """A process cannot imitate a kernel that does not acknowledge: the options are read."""
    async with Database(database.dsn(SERVICE), service=SERVICE, pool_size=1) as opened:
        outside = await opened.connect()
        async with opened.transaction(Scope()) as pooled:
            for connection in (outside, pooled):
                connected: socket.socket = connection._transport.get_extra_info("socket")  # type: ignore[union-attr]
                assert connected.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
                assert connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000
        await outside.close()
