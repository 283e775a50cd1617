"""Files of archives: rows become Parquet and come back, and every file is verified in both directions."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from services.analysis.archives.domain import Exported, Stream, Table
from services.analysis.archives.errors import ArchiveDamaged
from services.analysis.archives.expanding import expanded
from services.analysis.database.archives import ANOMALIES, PACKED_POINTS, POINTS
from services.analysis.objects.store import Storage
from shared.digests import sha256_of
from shared.postgres.copies import Column, to_copy, to_parquet

# The column by which the rows of a table are partitioned.
MONTHS_OF = {POINTS: "created_at", PACKED_POINTS: "created_at", ANOMALIES: "timestamp"}


class Packer:
    """Runs the conversions in threads; a file is in memory one row group at a time."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def pack(self, prefix: str, exported: Exported, folder: Path) -> Table:
        """Store the rows of a table, read them back and compare. Raises NotConvertible, ArchiveDamaged."""
        parquet = folder / f"{exported.table}.parquet"
        exported = await asyncio.to_thread(expanded, exported)
        rows_sha256 = await asyncio.to_thread(sha256_of, exported.path)
        rows = await asyncio.to_thread(_to_parquet, exported, parquet)
        exported.path.unlink()
        table = Table(
            name=exported.table,
            key=f"{prefix}/{exported.table}.parquet",
            rows=rows,
            bytes=parquet.stat().st_size,
            sha256=await asyncio.to_thread(sha256_of, parquet),
            rows_sha256=rows_sha256,
        )
        if rows != exported.fingerprint.rows:
            raise ArchiveDamaged(f"{table.key} has {rows} rows instead of {exported.fingerprint.rows}")
        await self._storage.upload(table.key, parquet)
        parquet.unlink()
        (await self.unpack([table], folder))[0].path.unlink()
        return table

    async def unpack(self, tables: Sequence[Table], folder: Path) -> Sequence[Stream]:
        """Fetch the rows of tables as COPY streams, verified. Raises ArchiveDamaged, FileNotFoundError."""
        return [await self._unpack(table, folder) for table in tables]

    async def _unpack(self, table: Table, folder: Path) -> Stream:
        parquet, rows = folder / f"{table.name}.parquet", folder / f"{table.name}.copy"
        await self._storage.download(table.key, parquet)
        if await asyncio.to_thread(sha256_of, parquet) != table.sha256:
            raise ArchiveDamaged(f"{table.key} is not what was stored: its SHA-256 differs")
        columns = await asyncio.to_thread(_to_copy, parquet, rows)
        months = await asyncio.to_thread(_months, parquet, table.name)
        parquet.unlink()
        if await asyncio.to_thread(sha256_of, rows) != table.rows_sha256:
            raise ArchiveDamaged(f"{table.key} does not contain the rows that were archived")
        # Points that were packed in the database are expanded in the archive.
        target = POINTS if table.name == PACKED_POINTS else table.name
        return Stream(target, columns, rows, months)


def _months(parquet: Path, table: str) -> Sequence[datetime]:
    if table not in MONTHS_OF:
        return ()
    times = pq.read_table(parquet, columns=[MONTHS_OF[table]]).column(0)
    found: list[datetime] = pc.unique(pc.floor_temporal(times, unit="month")).to_pylist()
    return found


def _to_parquet(exported: Exported, target: Path) -> int:
    with exported.path.open("rb") as rows:
        return to_parquet(rows, exported.columns, target)


def _to_copy(source: Path, target: Path) -> Sequence[Column]:
    with target.open("wb") as rows:
        return to_copy(source, rows)
