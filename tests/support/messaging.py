"""A unit of work that has only messaging tables, for tests of `shared.kafka` with a real database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from shared.access import Scope
from shared.clock import SystemClock, time_ordered_id
from shared.kafka.inbox import Inbox, PostgresInbox
from shared.kafka.outbox import Outbox, PostgresOutbox
from shared.postgres.connection import Connection, Database


@dataclass(frozen=True)
class MessagingUnit:
    connection: Connection
    outbox: Outbox
    inbox: Inbox


class MessagingUnits:
    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def __call__(self, scope: Scope) -> AsyncIterator[MessagingUnit]:
        async with self._database.transaction(scope) as connection:
            outbox = PostgresOutbox(connection, SystemClock(), time_ordered_id)
            yield MessagingUnit(connection, outbox, PostgresInbox(connection))
