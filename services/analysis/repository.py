"""The unit of work of the analysis service; the SQL behind it is grouped by who uses it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from services.analysis.repository_chunks import PostgresChunks
from services.analysis.repository_machines import MachineRefs, PostgresMachineRefs
from services.analysis.repository_reading import PostgresReading
from services.analysis.repository_uploads import Configs, PostgresConfigs, PostgresUploads, Uploads
from services.analysis.repository_work import PostgresUpkeep, PostgresWork
from shared.access import Scope
from shared.clock import Clock, IdGenerator
from shared.kafka.inbox import Inbox, PostgresInbox
from shared.kafka.outbox import Outbox, PostgresOutbox
from shared.postgres.connection import Database
from shared.postgres.queries import load_queries


@dataclass(frozen=True, slots=True)
class Unit:
    """One transaction's collaborators."""

    machines: MachineRefs
    configs: Configs
    uploads: Uploads
    work: PostgresWork
    chunks: PostgresChunks
    reading: PostgresReading
    upkeep: PostgresUpkeep
    outbox: Outbox
    inbox: Inbox


class PostgresUnits:
    """Opens units of work: one transaction each."""

    def __init__(self, database: Database, clock: Clock, new_id: IdGenerator) -> None:
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._queries = load_queries(__file__)

    @asynccontextmanager
    async def __call__(self, scope: Scope) -> AsyncIterator[Unit]:
        async with self._database.transaction(scope) as connection:
            yield Unit(
                machines=PostgresMachineRefs(connection, self._queries),
                configs=PostgresConfigs(connection, self._queries),
                uploads=PostgresUploads(connection, self._queries),
                work=PostgresWork(connection, self._queries),
                chunks=PostgresChunks(connection, self._queries),
                reading=PostgresReading(connection, self._queries),
                upkeep=PostgresUpkeep(connection, self._queries),
                outbox=PostgresOutbox(connection, self._clock, self._new_id),
                inbox=PostgresInbox(connection),
            )
