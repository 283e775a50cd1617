"""Steps of the analysis service: archives analyses, deletes old archives and uploaded files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import structlog
from asyncpg import IntegrityConstraintViolationError

from dinsight.maintenance.context import Done, MaintenanceContext, within
from services.analysis.archives.archiver import Archiver, check
from services.analysis.archives.errors import ArchiveDamaged, NotArchivable, RowsChanged
from services.analysis.database.unit import PostgresUnits, Unit
from services.analysis.domain import Analysis, AnalysisType
from services.analysis.errors import AnalysisNotFound
from shared.access import Scope
from shared.postgres.connection import Connection, Database
from shared.postgres.copies import NotConvertible
from shared.postgres.partitions import MonthPartitions

SERVICE = "analysis"
PAGE = 100
# Files of uploads that ended, but not of a machine on legal hold.
DUE_UPLOADS = """
SELECT f.id FROM file_uploads f
WHERE f.organization_id = $1 AND f.created_at < $2 AND f.file_path IS NOT NULL
  AND f.status IN ('completed', 'failed')
  AND NOT EXISTS (
      SELECT FROM analyses a JOIN machine_refs m ON m.id = a.machine_id
      WHERE a.file_upload_id = f.id AND (m.legal_hold OR a.status IN ('pending', 'processing')))
"""
COUNT_UPLOADS = f"""
SELECT count(*) AS count, coalesce(sum(file_size), 0) AS bytes FROM file_uploads
WHERE id IN ({DUE_UPLOADS})
"""  # noqa: S608 - a constant
# The service's upkeep deletes what is discarded.
DISCARD_UPLOADS = f"""
WITH due AS ({DUE_UPLOADS} LIMIT $3 FOR UPDATE OF f SKIP LOCKED),
paths AS (SELECT f.id, f.file_path, f.file_size FROM file_uploads f JOIN due USING (id)),
discarded AS (INSERT INTO discarded_objects (prefix) SELECT file_path || '/' FROM paths),
cleared AS (UPDATE file_uploads f SET file_path = NULL FROM due WHERE f.id = due.id)
SELECT count(*) AS count, coalesce(sum(file_size), 0) AS bytes FROM paths
"""  # noqa: S608 - a constant

logger = structlog.get_logger(__name__)


class OwnerUnits:
    """Units of work of the analysis service on one connection, as the owner of its schema."""

    def __init__(self, context: MaintenanceContext, connection: Connection) -> None:
        self.database = Database(context.admin_dsn, service=SERVICE, pool_size=1)
        self._units = PostgresUnits(self.database, context.clock, context.new_id)
        self._connection = connection

    @asynccontextmanager
    async def __call__(self, scope: Scope) -> AsyncIterator[Unit]:
        async with within(self._connection, SERVICE, scope.organization_id):
            yield self._units.unit(self._connection)


def archiver_of(context: MaintenanceContext, units: OwnerUnits, restored: timedelta) -> Archiver:
    # Only restoring needs partitions, which is done by a worker.
    partitions = MonthPartitions(units.database)
    return Archiver(units, partitions, context.storage, context.clock, context.new_id, restored=restored)


async def archive_analyses(context: MaintenanceContext, connection: Connection) -> Done:
    """Runs first: a baseline can be archived once no unarchived run stands on it."""
    archiving = _Archiving(context, connection)
    done = Done()
    for organization, limits in await context.limits(connection, SERVICE):
        for kind in (AnalysisType.MONITORING, AnalysisType.BASELINE):
            await context.follow_holds(connection, SERVICE)
            done += await archiving.all_of(organization, kind, limits.analyses)
    return done


class _Archiving:
    def __init__(self, context: MaintenanceContext, connection: Connection) -> None:
        self._context = context
        self._units = OwnerUnits(context, connection)
        restored = timedelta(days=context.retention.restored_days)
        self._archiver = archiver_of(context, self._units, restored)
        # In a dry run: what would be archived by now.
        self._planned: set[UUID] = set()

    async def all_of(self, organization: UUID, kind: AnalysisType, age: timedelta) -> Done:
        scope, done, after = Scope(organization_id=organization), Done(), None
        now = self._context.now
        while True:
            async with self._units(scope) as unit:
                due = await unit.archives.due(kind, now - age, now, after, PAGE)
            for analysis in due:
                done += await self._one(scope, analysis)
            if len(due) < PAGE:
                return done
            after = due[-1].id

    async def _one(self, scope: Scope, analysis: Analysis) -> Done:
        try:
            async with self._units(scope) as unit:
                obstacles = await unit.archives.obstacles(analysis)
                check(analysis, replace(obstacles, runs=obstacles.runs - self._planned))
                size = await unit.archives.stored_bytes(analysis)
            if self._context.dry_run:
                self._planned.add(analysis.id)
            else:
                await self._archiver.archive(scope, analysis.id)
        except (NotArchivable, AnalysisNotFound):
            # It is needed, was put on hold or deleted meanwhile.
            return Done()
        except NotConvertible as error:
            logger.warning("analysis cannot be archived", analysis_id=str(analysis.id), error=str(error))
            return Done(notes=(f"{analysis.id} cannot be archived: {error}",))
        except (ArchiveDamaged, RowsChanged, FileNotFoundError, IntegrityConstraintViolationError) as error:
            # One analysis must not keep all that follow from being archived.
            logger.error("archiving failed", analysis_id=str(analysis.id), exc_info=error)
            return Done(notes=(f"{analysis.id} was not archived: {type(error).__name__}: {error}",))
        return Done(1, size)


async def delete_archives(context: MaintenanceContext, connection: Connection) -> Done:
    units = OwnerUnits(context, connection)
    archiver = archiver_of(context, units, timedelta())
    done = Done()
    for organization, limits in await context.limits(connection, SERVICE):
        scope, before = Scope(organization_id=organization), context.now - limits.archives
        while True:
            await context.follow_holds(connection, SERVICE)
            async with units(scope) as unit:
                expiring = await unit.archives.expiring(before, PAGE)
            done += Done(len(expiring), sum(archive.bytes for archive in expiring))
            if context.dry_run or not expiring:
                break
            expired = [await archiver.expire(scope, archive) for archive in expiring]
            if not any(expired):
                break  # they are on hold or being deleted by now
    return done


async def delete_uploads(context: MaintenanceContext, connection: Connection) -> Done:
    done = Done()
    for organization, limits in await context.limits(connection, SERVICE):
        before = context.now - limits.uploads
        while True:
            await context.follow_holds(connection, SERVICE)
            async with within(connection, SERVICE, organization):
                if context.dry_run:
                    row = await connection.fetchrow(COUNT_UPLOADS, organization, before)
                else:
                    row = await connection.fetchrow(DISCARD_UPLOADS, organization, before, context.batch)
            assert row is not None
            done += Done(row["count"], int(row["bytes"]))
            if context.dry_run or row["count"] < context.batch:
                break
    return done
