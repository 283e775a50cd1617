"""Units of work on PostgreSQL."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from services.alerting.database import people
from services.alerting.database.alerts import PostgresAlertRepository
from services.alerting.database.deliveries import PostgresDeliveryRepository
from services.alerting.database.people.ledger import PostgresLedger
from services.alerting.database.people.resources import PostgresResourceRepository
from services.alerting.database.performance import PostgresPerformanceRepository
from services.alerting.database.replicas import PostgresReplicaRepository
from services.alerting.database.rules import PostgresRuleRepository
from services.alerting.database.templates import PostgresTemplateRepository
from services.alerting.database.unit import Unit
from services.alerting.timer.timers import Timers
from shared.access import Scope
from shared.clock import Clock, IdGenerator
from shared.jobs.postgres import PostgresQueue
from shared.kafka.inbox import PostgresInbox
from shared.kafka.outbox import PostgresOutbox
from shared.postgres.connection import Connection, Database
from shared.postgres.queries import load_queries

# Rows of a batch are locked until it commits: few enough that no request waits long.
BATCH = 200


class PostgresUnits:
    """Opens units of work: one transaction each."""

    def __init__(self, database: Database, clock: Clock, new_id: IdGenerator) -> None:
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self.queries = load_queries(__file__)
        self.people = load_queries(people.__file__)
        self.queue = PostgresQueue(database, service="alerting")
        self._targets_are_short = False

    @asynccontextmanager
    async def __call__(self, scope: Scope) -> AsyncIterator[Unit]:
        async with self._database.transaction(scope) as connection:
            yield self.on(connection)

    def on(self, connection: Connection) -> Unit:
        """A unit of work in a transaction that is open already."""
        jobs = self.queue.jobs(connection)
        return Unit(
            replicas=PostgresReplicaRepository(connection, self.queries),
            rules=PostgresRuleRepository(connection, self.queries),
            templates=PostgresTemplateRepository(connection, self.queries),
            alerts=PostgresAlertRepository(connection, self.queries),
            performance=PostgresPerformanceRepository(connection, self.queries),
            deliveries=PostgresDeliveryRepository(connection, self.queries),
            resources=PostgresResourceRepository(connection, self.people),
            ledger=PostgresLedger(connection, self.people),
            jobs=jobs,
            timers=Timers(jobs, self._clock),
            outbox=PostgresOutbox(connection, self._clock, self._new_id),
            inbox=PostgresInbox(connection),
        )

    async def rules_with_plain_addresses(self) -> Sequence[tuple[UUID, UUID]]:
        """Some rules of all organizations, as pairs of organization and rule."""
        async with self._database.transaction(Scope()) as connection:
            rows = self.queries.rules_with_plain_addresses(connection, limit=BATCH)
            return [(row["organization_id"], row["id"]) async for row in rows]

    async def shorten_targets(self) -> None:
        """Reduce all targets that an older version wrote to their host; once, when no older version runs."""
        if self._targets_are_short:
            return
        async with self._database.transaction(Scope()) as connection:
            if not await self.queries.are_addresses_sealed(connection):
                return
        last: UUID | None = UUID(int=0)
        while last is not None:
            async with self._database.transaction(Scope()) as connection:
                last = await self.queries.shorten_targets(connection, after=last, limit=BATCH)
        self._targets_are_short = True

    async def adopt_deliveries(self) -> int:
        """Enqueue deliveries that an older version wrote without a job, and count them."""
        async with self._database.transaction(Scope()) as connection:
            return int(await self.queries.adopt_deliveries(connection))
