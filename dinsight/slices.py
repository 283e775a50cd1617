"""Commands connect as the administrator and act as the owner of one service's schema at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.postgres.connection import Connection


@asynccontextmanager
async def acting_as(connection: Connection, service: str) -> AsyncIterator[None]:
    """Within the block, inside a transaction, the connection is the owner of the service's schema.

    An error in the block must end the transaction, which also ends the role.
    """
    await connection.execute(f"SET LOCAL ROLE dinsight_{service}_owner")
    await connection.execute(f"SET LOCAL search_path = {service}, public")
    yield
    await connection.execute("RESET ROLE")
    await connection.execute("SET LOCAL search_path = public")
