"""A relay that is killed with SIGKILL after it has published events and before it has marked them.

Run as a process of its own: `python -m tests.integration.shared.dying_relay DSN BOOTSTRAP`.
"""

import asyncio
import os
import signal
import sys
from typing import Any

from shared.kafka.relay import MARK_PUBLISHED, Relay
from shared.postgres.connection import Connection, Database
from tests.support.installation import kafka_at
from tests.support.signing import signer


class DyingConnection:
    """A connection that kills the process instead of marking events."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def execute(self, query: str, *arguments: Any) -> Any:
        if query == MARK_PUBLISHED:
            os.kill(os.getpid(), signal.SIGKILL)
        return await self._connection.execute(query, *arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


class DyingDatabase(Database):
    async def connect(self) -> Any:
        return DyingConnection(await super().connect())


async def main(dsn: str, bootstrap: str) -> None:
    kafka = kafka_at(bootstrap)
    async with DyingDatabase(dsn, service="machines", pool_size=2) as database:
        relay = Relay(database, kafka, signer("auth"), service="machines")
        await relay.loop.run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
