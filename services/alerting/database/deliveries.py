"""Deliveries in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.alerting.alerts.domain import Change
from services.alerting.deliveries.domain import Delivery, DeliveryStatus, Outcome, Outgoing
from services.alerting.rules.domain import Actions
from shared.postgres.connection import Connection

DELIVERY_COLUMNS = tuple(field.name for field in fields(Delivery))


class PostgresDeliveryRepository:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def add(self, delivery: Delivery) -> None:
        await self._queries.insert_delivery(self._connection, **asdict(delivery))

    async def of_alert(self, alert_id: UUID) -> Sequence[Delivery]:
        rows = self._queries.list_deliveries(self._connection, alert_id=alert_id)
        return [_delivery(row) async for row in rows]

    async def pending(self, message_id: UUID) -> Outgoing | None:
        row = await self._queries.get_pending_delivery(self._connection, message_id=message_id)
        if row is None:
            return None
        delivery = _delivery(row)
        return Outgoing(delivery, row["rule_id"], Actions.load(row["actions"]).webhook(delivery.channel))

    async def postpone(self, message_id: UUID, due_at: datetime) -> None:
        await self._queries.postpone_delivery(self._connection, message_id=message_id, due_at=due_at)

    async def finish(self, delivery: Delivery, outcome: Outcome, at: datetime) -> None:
        await self._queries.finish_delivery(
            self._connection,
            id=delivery.id,
            target=delivery.target,
            status=outcome.status,
            response_status=outcome.response_status,
            latency_ms=outcome.latency_ms,
            error=outcome.error,
            finished_at=at,
        )


def _delivery(row: asyncpg.Record) -> Delivery:
    return Delivery(
        **{name: row[name] for name in DELIVERY_COLUMNS}
        | {"change": Change(row["change"]), "status": DeliveryStatus(row["status"])}
    )
