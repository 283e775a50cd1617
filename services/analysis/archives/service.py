"""Takes requests to archive and to restore analyses; workers do them."""

from uuid import UUID

from services.analysis.archives.archiver import check, restorable
from services.analysis.database.unit import Unit
from services.analysis.domain import Analysis
from services.analysis.errors import AnalysisNotFound
from services.analysis.jobs.domain import QUEUE, Kind
from shared.access import Caller
from shared.audit import Auditor
from shared.clock import IdGenerator
from shared.jobs.queue import NewJob, Size

ARCHIVING, RESTORING = "archiving", "restoring"


class ArchiveService:
    def __init__(self, new_id: IdGenerator, auditor: Auditor) -> None:
        self._new_id = new_id
        self._auditor = auditor

    async def archive(self, unit: Unit, caller: Caller, analysis_id: UUID) -> Analysis:
        """Queue the archiving of a completed analysis. Raises AnalysisNotFound, NotArchivable."""
        analysis = await self._locked(unit, analysis_id)
        check(analysis, await unit.archives.obstacles(analysis))
        return await self._queue(unit, caller, analysis, Kind.ARCHIVE, ARCHIVING)

    async def restore(self, unit: Unit, caller: Caller, analysis_id: UUID) -> Analysis:
        """Queue its restoring. Raises AnalysisNotFound, NotArchived, ArchiveExpired."""
        analysis = await self._locked(unit, analysis_id)
        await restorable(unit, analysis_id)
        return await self._queue(unit, caller, analysis, Kind.RESTORE, RESTORING)

    @staticmethod
    async def _locked(unit: Unit, analysis_id: UUID) -> Analysis:
        analysis = await unit.archives.lock(analysis_id)
        if analysis is None:
            raise AnalysisNotFound(analysis_id)
        return analysis

    async def _queue(
        self, unit: Unit, caller: Caller, analysis: Analysis, kind: Kind, stage: str
    ) -> Analysis:
        """Enqueue a job, unless there is one already."""
        if analysis.stage == stage:
            return analysis
        await unit.archives.set_stage(analysis.id, stage)
        job = NewJob(
            id=self._new_id(),
            queue=QUEUE,
            kind=kind,
            organization_id=analysis.organization_id,
            subject_id=analysis.id,
            args={"user_id": str(caller.user_id)},
            size=Size.LARGE,
        )
        await unit.jobs.enqueue([job])
        await self._auditor.wrote(unit.outbox, caller, f"analysis.{kind}_requested", "analysis", analysis.id)
        return await self._locked(unit, analysis.id)
