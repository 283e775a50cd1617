"""Who was told of alerts, what is known of targets, and links that acknowledge."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.alerting.acknowledgements.domain import Link
from services.alerting.database.people.interfaces import OpenAlert
from services.alerting.deliveries.domain import TargetState, Told
from services.alerting.replicas.domain import MemberRef
from services.alerting.rules.domain import Actions
from services.alerting.rules.signals import Severity
from shared.postgres.connection import Connection


class PostgresLedger:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def opened(self, alert_id: UUID) -> tuple[datetime, str] | None:
        row = await self._queries.last_opened(self._connection, alert_id=alert_id)
        return None if row is None else (row["at"], row["kind"])

    async def told(self, alert_id: UUID, since: datetime) -> Sequence[Told]:
        rows = self._queries.told_since(self._connection, alert_id=alert_id, since=since)
        return [_made(Told, row) async for row in rows]

    async def actions(self, rule_id: UUID) -> Actions | None:
        row = await self._queries.actions_of_rule(self._connection, id=rule_id)
        return Actions.load(row["actions"]) if row is not None and row["actions"] else None

    async def open_beside(self, machine_id: UUID) -> Sequence[OpenAlert]:
        rows = self._queries.open_beside(self._connection, machine_id=machine_id)
        return [
            OpenAlert(row["id"], row["alert_rule_id"], Severity.parse(row["severity"])) async for row in rows
        ]

    async def open_and_suppressed(self) -> Sequence[UUID]:
        rows = self._queries.open_and_suppressed(self._connection)
        return [row["alert_id"] async for row in rows]

    async def target(self, organization_id: UUID, key: str) -> TargetState:
        row = await self._queries.get_delivery_target(self._connection, target_key=key)
        return TargetState(organization_id, key) if row is None else _made(TargetState, row)

    async def put_target(self, state: TargetState) -> None:
        await self._queries.put_delivery_target(self._connection, **asdict(state))

    async def count_confirmation(
        self, organization_id: UUID, now: datetime, until: datetime
    ) -> tuple[int, datetime]:
        row = await self._queries.count_confirmation(
            self._connection, organization_id=organization_id, now=now, until=until
        )
        return row["failures"], row["open_until"]

    async def forget_targets(self, prefix: str) -> None:
        await self._queries.forget_delivery_targets(self._connection, prefix=prefix)

    async def add_link(self, link: Link) -> None:
        values = asdict(link)
        del values["ended_at"]
        await self._queries.insert_link(self._connection, **values)

    async def link(self, token_hash: bytes) -> Link | None:
        row = await self._queries.get_link(self._connection, token_hash=token_hash)
        return None if row is None else _made(Link, row)

    async def lock_link(self, token_hash: bytes) -> Link | None:
        row = await self._queries.lock_link(self._connection, token_hash=token_hash)
        return None if row is None else _made(Link, row)

    async def end_link(self, token_hash: bytes, at: datetime) -> None:
        await self._queries.end_link(self._connection, token_hash=token_hash, at=at)

    async def revoke_links(self, alert_id: UUID, at: datetime) -> int:
        return int(await self._queries.revoke_links(self._connection, alert_id=alert_id, at=at))

    async def members(self, roles: Sequence[str]) -> Sequence[MemberRef]:
        rows = self._queries.members_with_roles(self._connection, roles=list(roles))
        return [_made(MemberRef, row) async for row in rows]

    async def organization_name(self) -> str | None:
        row = await self._queries.get_organization(self._connection)
        return None if row is None else row["name"]


def _made(model: Any, row: asyncpg.Record) -> Any:
    return model(**{field.name: row[field.name] for field in fields(model)})
