"""Changes the role of accounts as the owner of the auth schema, with an entry for the audit trail."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from dinsight.administrator import acting_as, connected
from services.auth.database.users import COLUMNS
from services.auth.users.domain import ADMINISTRATOR, User
from services.auth.users.service import DEFAULT_ROLE
from shared.audit import Auditor
from shared.clock import SystemClock, time_ordered_id
from shared.kafka.outbox import PostgresOutbox
from shared.postgres.connection import Connection


async def administrators(admin_dsn: str) -> Sequence[User]:
    async with _owner(admin_dsn) as connection:
        rows = await connection.fetch("SELECT * FROM users WHERE role = $1 ORDER BY email", ADMINISTRATOR)
    return [User(**{name: row[name] for name in COLUMNS}) for row in rows]


async def set_administrator(admin_dsn: str, email: str, is_administrator: bool) -> bool:
    """False if there is no such account that is open; closed ones can only lose the role."""
    role = ADMINISTRATOR if is_administrator else DEFAULT_ROLE
    clock = SystemClock()
    async with _owner(admin_dsn) as connection:
        user_id = await connection.fetchval(
            "UPDATE users SET role = $2, updated_at = $3"
            " WHERE email = $1 AND deleted_at IS NULL AND (is_active OR NOT $4) RETURNING id",
            email,
            role,
            clock.now(),
            is_administrator,
        )
        if user_id is None:
            return False
        await Auditor(clock).record(
            PostgresOutbox(connection, clock, time_ordered_id),
            "user.administrator_granted" if is_administrator else "user.administrator_revoked",
            user_id=user_id,
            organization_id=None,
            resource_type="user",
            resource_id=user_id,
        )
    return True


@asynccontextmanager
async def _owner(admin_dsn: str) -> AsyncIterator[Connection]:
    async with connected(admin_dsn) as connection, connection.transaction(), acting_as(connection, "auth"):
        yield connection
