"""TimescaleDB's columnstore: its own policy compresses old chunks, and `dinsight maintenance` does too."""

from collections.abc import Sequence
from datetime import datetime

from shared.postgres.connection import Connection

TABLE = "monitor_data"
ROWS = "SELECT count(*) FROM {chunk}"

# The Apache-licensed build has hypertables without compression.
COMPRESSES = """
SELECT compression_enabled FROM timescaledb_information.hypertables
WHERE hypertable_schema = 'analysis' AND hypertable_name = 'monitor_data'
"""
OLD_CHUNKS = """
SELECT format('%I.%I', chunk_schema, chunk_name) FROM timescaledb_information.chunks
WHERE hypertable_schema = 'analysis' AND hypertable_name = 'monitor_data'
  AND NOT is_compressed AND range_end <= $1
ORDER BY range_end
"""
SIZE = "SELECT pg_total_relation_size($1::text::regclass)"
COMPRESS = "SELECT compress_chunk($1::text::regclass, if_not_compressed => true)"
SIZES = """
SELECT before_compression_total_bytes AS before, after_compression_total_bytes AS after
FROM chunk_compression_stats('analysis.monitor_data') WHERE format('%I.%I', chunk_schema, chunk_name) = $1
"""


async def compresses(connection: Connection) -> bool:
    """Whether TimescaleDB compresses the table on this server."""
    if not await connection.fetchval("SELECT to_regclass('timescaledb_information.hypertables') IS NOT NULL"):
        return False
    return bool(await connection.fetchval(COMPRESSES))


async def old_chunks(connection: Connection, before: datetime) -> Sequence[str]:
    """The quoted names of chunks that end before a time and are not compressed."""
    return [row[0] for row in await connection.fetch(OLD_CHUNKS, before)]


async def waiting(connection: Connection, before: datetime) -> tuple[int, int]:
    """The number of rows in these chunks, and their bytes."""
    chunks = await old_chunks(connection, before)
    rows = [await connection.fetchval(ROWS.format(chunk=chunk)) for chunk in chunks]
    sizes = [await connection.fetchval(SIZE, chunk) for chunk in chunks]
    return sum(rows), sum(sizes)


async def compress(connection: Connection, chunk: str) -> tuple[int, int, int]:
    """Compress a chunk, unless somebody has; return its rows, and its bytes before and after."""
    rows = await connection.fetchval(ROWS.format(chunk=chunk))
    await connection.execute(COMPRESS, chunk)
    sizes = await connection.fetchrow(SIZES, chunk)
    return (rows, sizes["before"], sizes["after"]) if sizes is not None else (rows, 0, 0)
