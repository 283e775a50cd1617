"""Archives analyses and restores them. What reads and writes objects is outside transactions.

An attempt may end anywhere: until its last transaction the analysis is as it was, and the objects that it
left belong to no archive, so the sweep deletes them. That transaction checks everything again.
"""

import hashlib
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import structlog

from services.analysis.archives.domain import (
    FORMAT,
    MANIFEST,
    Archive,
    Fingerprint,
    Manifest,
    Obstacles,
    Stream,
    prefix_of,
)
from services.analysis.archives.errors import (
    ArchiveDamaged,
    ArchiveExpired,
    BaselineInUse,
    NotArchivable,
    NotArchived,
    NotCompleted,
    OnLegalHold,
    RowsChanged,
    UploadShared,
)
from services.analysis.archives.packing import Packer
from services.analysis.database.unit import Unit, Units
from services.analysis.domain import Analysis, AnalysisType, Status
from services.analysis.errors import AnalysisNotFound
from services.analysis.objects.store import Storage
from shared.access import Scope
from shared.audit import Auditor
from shared.clock import Clock, IdGenerator
from shared.events.analysis import ANALYSIS_ARCHIVED, ANALYSIS_RESTORED, AnalysisArchived, AnalysisRestored
from shared.postgres.partitions import Partitions

# An acknowledgement while the rows are being read makes an attempt worthless.
MAX_ATTEMPTS = 3
End = Callable[[Unit], Awaitable[None]]

logger = structlog.get_logger(__name__)


async def nothing(_unit: Unit) -> None:
    """For those who have no job to end."""


class Archiver:
    """`end` runs in the transaction that takes effect, and ends the job of a worker."""

    def __init__(
        self,
        units: Units,
        partitions: Partitions,
        storage: Storage,
        clock: Clock,
        new_id: IdGenerator,
        *,
        restored: timedelta,
    ) -> None:
        self._units = units
        self._partitions = partitions
        self._storage = storage
        self._packer = Packer(storage)
        self._clock = clock
        self._new_id = new_id
        self._auditor = Auditor(clock)
        self._restored = restored

    async def archive(
        self, scope: Scope, analysis_id: UUID, *, by: UUID | None = None, end: End = nothing
    ) -> Archive:
        """Archive a completed analysis. Raises NotArchivable, AnalysisNotFound, ArchiveDamaged."""
        for attempt in range(1, MAX_ATTEMPTS + 1):
            prefix = prefix_of(analysis_id, self._new_id())
            try:
                return await self._archive(scope, analysis_id, prefix, by, end)
            except (NotArchivable, AnalysisNotFound):
                await self._storage.delete_all(f"{prefix}/")
                raise
            except RowsChanged:
                # After other errors the transaction may have committed, and the sweep deletes what it must.
                await self._storage.delete_all(f"{prefix}/")
                if attempt == MAX_ATTEMPTS:
                    raise
        raise AssertionError("the last attempt returns or raises")

    async def _archive(
        self, scope: Scope, analysis_id: UUID, prefix: str, by: UUID | None, end: End
    ) -> Archive:
        with tempfile.TemporaryDirectory(prefix="dinsight-archive-") as name:
            folder = Path(name)
            async with self._units(scope) as unit:
                analysis = await self._archivable(unit, analysis_id, lock=False)
                model_key = None
                if analysis.analysis_type is AnalysisType.BASELINE and analysis.dinsight_id is not None:
                    model_key = await unit.results.model_key(analysis.dinsight_id)
                exported = await unit.archives.export(analysis, folder)
            tables = [await self._packer.pack(prefix, rows, folder) for rows in exported]
        model_sha256 = None
        if model_key is not None:
            model_sha256 = hashlib.sha256(await self._storage.get(model_key)).hexdigest()
        manifest = Manifest(FORMAT, asdict(analysis), tables, model_key, model_sha256).encode()
        await self._storage.put(f"{prefix}/{MANIFEST}", manifest)
        if await self._storage.get(f"{prefix}/{MANIFEST}") != manifest:
            raise ArchiveDamaged(f"{prefix}/{MANIFEST} is not what was stored")
        archive = Archive(
            analysis_id=analysis_id,
            organization_id=analysis.organization_id,
            prefix=prefix,
            manifest_sha256=hashlib.sha256(manifest).hexdigest(),
            bytes=sum(table.bytes for table in tables) + len(manifest),
            is_baseline=analysis.analysis_type is AnalysisType.BASELINE,
            map_id=analysis.dinsight_id,
            model_key=model_key,
            archived_at=self._clock.now(),
        )
        await self._take_effect(scope, archive, [rows.fingerprint for rows in exported], by, end)
        return archive

    async def _take_effect(
        self, scope: Scope, archive: Archive, read: Sequence[Fingerprint], by: UUID | None, end: End
    ) -> None:
        async with self._units(scope) as unit:
            analysis = await self._archivable(unit, archive.analysis_id, lock=True)
            await end(unit)
            if await unit.archives.archive(archive, analysis) != read:
                raise RowsChanged(str(analysis.id))
            payload = AnalysisArchived(
                analysis_id=analysis.id,
                machine_id=analysis.machine_id,
                analysis_type=analysis.analysis_type.value,
                bytes=archive.bytes,
                archived_at=archive.archived_at,
            )
            organization_id = analysis.organization_id
            await unit.outbox.add(
                ANALYSIS_ARCHIVED, analysis.machine_id, payload, organization_id=organization_id
            )
            await self._record(unit, "analysis.archived", analysis, by)

    async def _archivable(self, unit: Unit, analysis_id: UUID, *, lock: bool) -> Analysis:
        """The analysis. Raises NotArchivable, or AnalysisNotFound if it was deleted."""
        read = unit.archives.lock if lock else unit.analyses.get
        analysis = await read(analysis_id)
        if analysis is None:
            raise AnalysisNotFound(analysis_id)
        check(analysis, await unit.archives.obstacles(analysis))
        return analysis

    async def restore(
        self, scope: Scope, analysis_id: UUID, *, by: UUID | None = None, end: End = nothing
    ) -> None:
        """Restore an archived analysis, and the baseline that it stands on.

        Raises NotArchived, ArchiveExpired, AnalysisNotFound, ArchiveDamaged.
        """
        async with self._units(scope) as unit:
            archive = await restorable(unit, analysis_id)
            baseline = None
            if not archive.is_baseline and archive.map_id is not None:
                baseline = await unit.archives.of_map(archive.map_id)
        if baseline is not None:
            try:
                await self.restore(scope, baseline.analysis_id, by=by)
            except NotArchived as error:
                # Another of its runs may be restored at the same time, and have brought it back meanwhile.
                if error.analysis_status != Status.COMPLETED:
                    raise
        content = await self._storage.get(f"{archive.prefix}/{MANIFEST}")
        if hashlib.sha256(content).hexdigest() != archive.manifest_sha256:
            raise ArchiveDamaged(f"{archive.prefix}/{MANIFEST} is not what was stored: its SHA-256 differs")
        manifest = Manifest.decode(content)
        if manifest.model_key is not None:
            model = await self._storage.get(manifest.model_key)
            if hashlib.sha256(model).hexdigest() != manifest.model_sha256:
                raise ArchiveDamaged(f"{manifest.model_key} is not what was stored: its SHA-256 differs")
        with tempfile.TemporaryDirectory(prefix="dinsight-restore-") as name:
            streams = await self._packer.unpack(manifest.tables, Path(name))
            for stream in streams:
                table = "monitor_data" if stream.table == "monitor_series" else stream.table
                await self._partitions.ensure(table, stream.months)
            await self._bring_back(scope, archive, streams, by, end)

    async def _bring_back(
        self, scope: Scope, archive: Archive, streams: Sequence[Stream], by: UUID | None, end: End
    ) -> None:
        kept_until = self._clock.now() + self._restored
        async with self._units(scope) as unit:
            known = await unit.analyses.get(archive.analysis_id)
            if known is not None and known.baseline_id is not None:
                # It must not be archived before the run that stands on it is there again.
                await unit.analyses.lock_baseline(known.baseline_id)
            analysis = await unit.archives.lock(archive.analysis_id)
            if analysis is None or not await _is_archived(unit, analysis, archive):
                raise NotArchived(archive.analysis_id, analysis.status if analysis else "deleted")
            await end(unit)
            await unit.archives.restore(archive, streams, kept_until)
            # Deleted later: the archive is worth something until this transaction has committed.
            await unit.upkeep.discard(f"{archive.prefix}/")
            payload = AnalysisRestored(
                analysis_id=analysis.id,
                machine_id=analysis.machine_id,
                analysis_type=analysis.analysis_type.value,
                kept_until=kept_until,
            )
            organization_id = analysis.organization_id
            await unit.outbox.add(
                ANALYSIS_RESTORED, analysis.machine_id, payload, organization_id=organization_id
            )
            await self._record(unit, "analysis.restored", analysis, by)

    async def expire(self, scope: Scope, archive: Archive) -> bool:
        """Delete an archive after its retention; False if it is not there any more."""
        async with self._units(scope) as unit:
            analysis = await unit.archives.lock(archive.analysis_id)
            if analysis is None or not await _is_archived(unit, analysis, archive):
                return False
            obstacles = await unit.archives.obstacles(analysis)
            if obstacles.legal_hold or not await unit.archives.expire(archive, self._clock.now()):
                return False
            await unit.upkeep.discard(f"{archive.prefix}/")
            if archive.model_key is not None:
                await unit.upkeep.discard(archive.model_key)
            await self._record(unit, "analysis.archive_expired", analysis, None)
        return True

    async def _record(self, unit: Unit, action: str, analysis: Analysis, by: UUID | None) -> None:
        await self._auditor.record(
            unit.outbox,
            action,
            user_id=by,
            organization_id=analysis.organization_id,
            resource_type="analysis",
            resource_id=analysis.id,
        )


def check(analysis: Analysis, obstacles: Obstacles) -> None:
    """Raise NotArchivable if something stands in the way."""
    if analysis.status is not Status.COMPLETED or analysis.dinsight_id is None:
        raise NotCompleted(analysis.id, analysis.status)
    if obstacles.legal_hold:
        raise OnLegalHold(analysis.id)
    if obstacles.active_baseline:
        raise BaselineInUse(analysis.id, "it is the machine's active baseline")
    if obstacles.runs:
        raise BaselineInUse(
            analysis.id, f"{len(obstacles.runs)} run(s) that are not archived use it; archive them first"
        )
    if obstacles.shared_upload:
        raise UploadShared(analysis.id)


async def restorable(unit: Unit, analysis_id: UUID) -> Archive:
    """The archive of an analysis. Raises AnalysisNotFound, NotArchived, ArchiveExpired."""
    analysis = await unit.analyses.get(analysis_id)
    if analysis is None:
        raise AnalysisNotFound(analysis_id)
    archive = await unit.archives.get(analysis_id)
    if analysis.status is not Status.ARCHIVED or archive is None:
        raise NotArchived(analysis_id, analysis.status)
    if archive.expired_at is not None:
        raise ArchiveExpired(analysis_id, archive.expired_at)
    return archive


async def _is_archived(unit: Unit, analysis: Analysis, archive: Archive) -> bool:
    """Whether this is still its archive, and it is not being deleted meanwhile."""
    return analysis.status is Status.ARCHIVED and await unit.archives.get(analysis.id) == archive
