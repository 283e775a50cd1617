"""Rows from one server to another as they are, in PostgreSQL's binary format, without a Python value."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg

from dinsight.legacy_import.errors import ImportRefused
from dinsight.legacy_import.tables import LegacyTable
from shared.postgres.connection import Connection

# Blocks under way between the two servers; each is as large as the network gives them, some 64 KiB.
BLOCKS_IN_FLIGHT = 16


async def copy_table(source: Connection, target: Connection, table: LegacyTable) -> None:
    """Copy the rows of a legacy table into its temporary table on the target."""
    await target.execute(table.staging())
    blocks: asyncio.Queue[bytes | None] = asyncio.Queue(BLOCKS_IN_FLIGHT)

    async def read() -> None:
        await source.copy_from_query(table.copying(), output=blocks.put, format="binary")
        await blocks.put(None)

    async def arriving() -> AsyncIterator[bytes]:
        while (block := await blocks.get()) is not None:
            yield block

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(read())
            # The stubs know only other iterables.
            stream: Any = arriving()
            await target.copy_to_table(table.staged, source=stream, format="binary")
    except* (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as faults:
        raise ImportRefused(f"{table.name} could not be copied: {faults.exceptions[0]}") from faults
