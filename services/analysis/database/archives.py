"""Archives: rows of an analysis leave the database as COPY streams, and come back."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from services.analysis.archives.domain import Archive, Exported, Fingerprint, Obstacles, Stream
from services.analysis.database import rows
from services.analysis.domain import Analysis, AnalysisType
from shared.postgres.connection import Connection
from shared.postgres.copies import Column

# The tables with rows of analyses; the service sees its monitoring results through a view.
FEATURES, MAP, POINTS, ANOMALIES = "feature_data", "dinsight_data", "monitor_series", "anomalies"
PACKED_POINTS = "monitor_packed"
# The column by which the rows of an analysis are found, and their order.
ROWS = {
    FEATURES: ("file_upload_id", "chunk_index, id"),
    MAP: ("id", "id"),
    POINTS: ("analysis_id", "process_order, created_at, id"),
    PACKED_POINTS: ("analysis_id", "process_order"),
    ANOMALIES: ("analysis_id", "sample_index, id"),
}
STAGING = "restored"
# A large analysis takes minutes.
TIMEOUT_SECONDS = 3600.0


def tables_of(analysis: Analysis) -> dict[str, UUID]:
    """The tables with rows of the analysis, each with the id that selects them."""
    found = {FEATURES: analysis.file_upload_id}
    if analysis.analysis_type is AnalysisType.BASELINE:
        assert analysis.dinsight_id is not None
        return found | {MAP: analysis.dinsight_id}
    return found | {POINTS: analysis.id, PACKED_POINTS: analysis.id, ANOMALIES: analysis.id}


class Archives(Protocol):
    async def get(self, analysis_id: UUID) -> Archive | None: ...

    async def of_map(self, map_id: UUID) -> Archive | None:
        """The archive of the baseline that the map is in."""
        ...

    async def lock(self, analysis_id: UUID) -> Analysis | None:
        """The analysis, whatever its status, locked until the transaction ends."""
        ...

    async def obstacles(self, analysis: Analysis) -> Obstacles: ...

    async def due(
        self, kind: AnalysisType, before: datetime, now: datetime, after: UUID | None, limit: int
    ) -> Sequence[Analysis]:
        """Completed analyses that ended before then and need not be kept any longer, in the order of ids."""
        ...

    async def stored_bytes(self, analysis: Analysis) -> int:
        """How much the rows of the analysis take in the database."""
        ...

    async def export(self, analysis: Analysis, folder: Path) -> Sequence[Exported]:
        """Write the rows of the analysis to files in the folder."""
        ...

    async def archive(self, archive: Archive, analysis: Analysis) -> Sequence[Fingerprint]:
        """Delete the rows, record the archive, and return the fingerprints of what was deleted."""
        ...

    async def restore(self, archive: Archive, streams: Sequence[Stream], kept_until: datetime) -> None:
        """Insert the rows of COPY streams, and forget the archive."""
        ...

    async def set_stage(self, analysis_id: UUID, stage: str | None) -> None: ...

    async def archived_by_upload(self, upload_id: UUID) -> UUID | None:
        """The archived analysis of an upload, if there is one."""
        ...

    async def expiring(self, before: datetime, limit: int) -> Sequence[Archive]:
        """Archives from before then, oldest first, except those of machines on legal hold."""
        ...

    async def expire(self, archive: Archive, now: datetime) -> bool:
        """Note that the archive is deleted; False if it is not there any more."""
        ...


class PostgresArchives:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def get(self, analysis_id: UUID) -> Archive | None:
        return _archive(await self._queries.get_archive(self._connection, analysis_id=analysis_id))

    async def of_map(self, map_id: UUID) -> Archive | None:
        return _archive(await self._queries.archive_of_map(self._connection, map_id=map_id))

    async def lock(self, analysis_id: UUID) -> Analysis | None:
        row = await self._queries.lock_any_analysis(self._connection, id=analysis_id)
        return rows.analysis(row) if row else None

    async def obstacles(self, analysis: Analysis) -> Obstacles:
        row = await self._queries.archive_obstacles(self._connection, id=analysis.id)
        return Obstacles(
            row["legal_hold"], row["active_baseline"], frozenset(row["runs"]), row["shared_upload"]
        )

    async def due(
        self, kind: AnalysisType, before: datetime, now: datetime, after: UUID | None, limit: int
    ) -> Sequence[Analysis]:
        found = self._queries.due_analyses(
            self._connection, analysis_type=kind, before=before, now=now, after=after, limit=limit
        )
        return [rows.analysis(row) async for row in found]

    async def stored_bytes(self, analysis: Analysis) -> int:
        sizes = [
            await self._connection.fetchval(await self._statement("size_statement", table), key)
            for table, key in tables_of(analysis).items()
        ]
        return sum(sizes)

    async def export(self, analysis: Analysis, folder: Path) -> Sequence[Exported]:
        exported = []
        for table, key in tables_of(analysis).items():
            found = self._queries.columns_of(self._connection, table=table)
            columns = [Column(row["name"], row["type"]) async for row in found]
            # Before the rows are read: a change in between changes the fingerprint of what is deleted.
            fingerprint = await self._fingerprint("fingerprint_statement", table, key)
            path = folder / f"{table}.copy"
            await self._connection.copy_from_query(
                await self._statement("export_statement", table, order=ROWS[table][1]),
                key,
                output=path,
                format="binary",
                timeout=TIMEOUT_SECONDS,
            )
            exported.append(Exported(table, columns, path, fingerprint))
        return exported

    async def archive(self, archive: Archive, analysis: Analysis) -> Sequence[Fingerprint]:
        tables = tables_of(analysis)
        if archive.is_baseline:
            await self._queries.detach_map(self._connection, map_id=archive.map_id)
        deleted = {
            table: await self._fingerprint("delete_statement", table, key)
            for table, key in reversed(tables.items())
        }
        await self._queries.insert_archive(self._connection, **asdict(archive))
        await self._queries.set_archived(
            self._connection, id=archive.analysis_id, archived_at=archive.archived_at
        )
        return [deleted[table] for table in tables]

    async def restore(self, archive: Archive, streams: Sequence[Stream], kept_until: datetime) -> None:
        for stream in streams:
            await self._connection.execute(await self._statement("staging_statement", stream.table))
            await self._connection.copy_to_table(
                STAGING,
                source=stream.path,
                columns=[column.name for column in stream.columns],
                format="binary",
                timeout=TIMEOUT_SECONDS,
            )
            names = [column.name for column in stream.columns]
            statement = await self._statement("unstage_statement", stream.table, columns=names)
            await self._connection.execute(statement, timeout=TIMEOUT_SECONDS)
            await self._queries.drop_staging(self._connection)
        await self._queries.set_restored(
            self._connection, id=archive.analysis_id, kept_until=kept_until, map_id=archive.map_id
        )
        if archive.is_baseline:
            await self._queries.attach_map(
                self._connection, map_id=archive.map_id, baseline_id=archive.analysis_id
            )
        await self._queries.delete_archive(self._connection, analysis_id=archive.analysis_id)

    async def set_stage(self, analysis_id: UUID, stage: str | None) -> None:
        await self._queries.set_stage(self._connection, id=analysis_id, stage=stage)

    async def archived_by_upload(self, upload_id: UUID) -> UUID | None:
        found: UUID | None = await self._queries.archived_by_upload(self._connection, upload_id=upload_id)
        return found

    async def expiring(self, before: datetime, limit: int) -> Sequence[Archive]:
        found = self._queries.expiring_archives(self._connection, before=before, limit=limit)
        return [archive async for row in found if (archive := _archive(row))]

    async def expire(self, archive: Archive, now: datetime) -> bool:
        expired = await self._queries.expire_archive(
            self._connection, analysis_id=archive.analysis_id, prefix=archive.prefix, now=now
        )
        return expired is True

    async def _statement(self, maker: str, table: str, **arguments: Any) -> str:
        """A statement about the rows of an analysis in a table, which a query makes; $1 is their id."""
        make = getattr(self._queries, maker)
        statement: str = await make(self._connection, table=table, key=ROWS[table][0], **arguments)
        return statement

    async def _fingerprint(self, maker: str, table: str, key: UUID) -> Fingerprint:
        statement = await self._statement(maker, table)
        row = await self._connection.fetchrow(statement, key, timeout=TIMEOUT_SECONDS)
        assert row is not None
        return Fingerprint(row["rows"], int(row["digest"]))


NAMES = tuple(field.name for field in fields(Archive))


def _archive(row: Any) -> Archive | None:
    return None if row is None else Archive(**{name: row[name] for name in NAMES})
