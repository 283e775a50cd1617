"""Deliveries in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.alerting.database.paging import page_parameters
from services.alerting.deliveries.domain import Delivery, DeliveryFilter, DeliveryStatus, Outcome
from services.alerting.reasons import Reason
from shared.http.pages import Cursor, PageRequest, Slice
from shared.postgres.connection import Connection

DELIVERY_COLUMNS = tuple(field.name for field in fields(Delivery))


class PostgresDeliveryRepository:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def add(self, delivery: Delivery) -> None:
        values = asdict(delivery) | _stored(delivery.error)
        await self._queries.insert_delivery(self._connection, **values)

    async def get(self, delivery_id: UUID) -> Delivery | None:
        row = await self._queries.get_delivery(self._connection, id=delivery_id)
        return None if row is None else _delivery(row)

    async def of_alert(self, alert_id: UUID) -> Sequence[Delivery]:
        rows = self._queries.list_deliveries(self._connection, alert_id=alert_id)
        return [_delivery(row) async for row in rows]

    async def list(self, wanted: DeliveryFilter, page: PageRequest) -> Slice[Delivery]:
        rows = self._queries.page_of_deliveries(
            self._connection, status=wanted.status, **page_parameters(page)
        )
        deliveries = [_delivery(row) async for row in rows]
        return Slice.cut(deliveries, page.limit, lambda each: Cursor(each.created_at, each.id))

    async def pending(self, lane_id: UUID) -> Sequence[Delivery]:
        rows = self._queries.pending_deliveries(self._connection, lane_id=lane_id)
        return [_delivery(row) async for row in rows]

    async def take_group(self, delivery: Delivery, at: datetime, limit: int) -> bool:
        if not await self._queries.lead_group(self._connection, id=delivery.id):
            return False
        taken = self._queries.take_group(
            self._connection,
            organization_id=delivery.organization_id,
            group_key=delivery.group_key,
            message_id=delivery.message_id,
            at=at,
            limit=limit,
        )
        [row async for row in taken]
        return True

    async def regroup(self, older: UUID, newer: UUID) -> None:
        await self._queries.regroup(self._connection, older=older, newer=newer)

    async def grouped_into(self, message_id: UUID) -> Sequence[Delivery]:
        rows = self._queries.grouped_into(self._connection, message_id=message_id)
        return [_delivery(row) async for row in rows]

    async def hasten(self, lane_id: UUID, due_at: datetime) -> None:
        await self._queries.hasten_lane(self._connection, lane_id=lane_id, at=due_at)

    async def postpone(self, lane_id: UUID, due_at: datetime) -> None:
        await self._queries.postpone_delivery(self._connection, lane_id=lane_id, due_at=due_at)

    async def finish(self, delivery: Delivery, outcome: Outcome, at: datetime) -> None:
        await self._queries.finish_delivery(
            self._connection,
            id=delivery.id,
            target=delivery.target,
            status=outcome.status,
            response_status=outcome.response_status,
            latency_ms=outcome.latency_ms,
            finished_at=at,
            **_stored(outcome.error),
        )


def _delivery(row: asyncpg.Record) -> Delivery:
    values = {name: row[name] for name in DELIVERY_COLUMNS}
    reason = Reason(row["error"], **row["reason"] or {}) if row["error"] else None
    return Delivery(**values | {"status": DeliveryStatus(row["status"]), "error": reason})


def _stored(reason: Reason | None) -> dict[str, Any]:
    """The sentence, and its code and parameters, in columns of their own: older rows have no code."""
    if reason is None:
        return {"error": None, "reason": None}
    return {"error": reason.text, "reason": {"code": reason.code, "params": dict(reason.params)}}
