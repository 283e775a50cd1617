"""Units of work on PostgreSQL."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from services.alerting.database.alerts import PostgresAlertRepository
from services.alerting.database.deliveries import PostgresDeliveryRepository
from services.alerting.database.replicas import PostgresReferenceRepository
from services.alerting.database.rules import PostgresRuleRepository
from services.alerting.database.unit import Unit
from services.alerting.deliveries.domain import Lease
from shared.access import Scope
from shared.clock import Clock, IdGenerator
from shared.kafka.inbox import PostgresInbox
from shared.kafka.outbox import PostgresOutbox
from shared.postgres.connection import Database
from shared.postgres.queries import load_queries


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
                references=PostgresReferenceRepository(connection, self._queries),
                rules=PostgresRuleRepository(connection, self._queries),
                alerts=PostgresAlertRepository(connection, self._queries),
                deliveries=PostgresDeliveryRepository(connection, self._queries),
                outbox=PostgresOutbox(connection, self._clock, self._new_id),
                inbox=PostgresInbox(connection),
            )

    async def claim(self, wanted: int, share: int, at: datetime, lease: timedelta) -> Sequence[Lease]:
        """Lease at most `wanted` due deliveries of all organizations, at most `share` of each."""
        async with self._database.transaction(Scope()) as connection:
            rows = self._queries.claim_deliveries(connection, wanted=wanted, share=share, at=at, lease=lease)
            return [Lease(row["delivery_id"], row["organization_id"], row["lease_id"]) async for row in rows]
