"""Archives and organizations in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from services.analysis.archives.domain import Archive, Exported, Fingerprint, Obstacles, Stream
from services.analysis.domain import Analysis, AnalysisType, Status
from services.analysis.organizations.domain import OrganizationRef
from tests.unit.analysis.database.fakes.baselines import FakeBaselines
from tests.unit.analysis.database.fakes.memory import Scoped


class FakeArchives(Scoped):
    """Only what use cases ask before rows are touched: moving rows is the database's own work."""

    async def get(self, analysis_id: UUID) -> Archive | None:
        found: Archive | None = self._found(self._memory.archives.get(analysis_id))
        return found

    async def of_map(self, map_id: UUID) -> Archive | None:
        mine = [a for a in self._memory.archives.values() if self._mine(a) and a.is_baseline]
        return next((archive for archive in mine if archive.map_id == map_id), None)

    async def lock(self, analysis_id: UUID) -> Analysis | None:
        found: Analysis | None = self._found(self._memory.analyses.get(analysis_id))
        return found

    async def obstacles(self, analysis: Analysis) -> Obstacles:
        others = [a for a in self._memory.analyses.values() if a.id != analysis.id and self._mine(a)]
        is_baseline = analysis.analysis_type is AnalysisType.BASELINE
        active = await FakeBaselines(self._memory, self._scope, self._queue).active(analysis.machine_id)
        ended = (Status.ARCHIVED, Status.FAILED)
        runs = {a.id for a in others if a.dinsight_id == analysis.dinsight_id and a.status not in ended}
        machine = self._memory.machines.get(analysis.machine_id)
        return Obstacles(
            legal_hold=machine is not None and machine.legal_hold,
            active_baseline=active is not None and active.analysis_id == analysis.id,
            runs=frozenset(runs if is_baseline else ()),
            shared_upload=any(a.file_upload_id == analysis.file_upload_id for a in others),
        )

    async def due(self, *_: Any) -> Sequence[Analysis]:
        raise NotImplementedError

    async def stored_bytes(self, analysis: Analysis) -> int:
        raise NotImplementedError

    async def export(self, analysis: Analysis, folder: Path) -> Sequence[Exported]:
        raise NotImplementedError

    async def archive(self, archive: Archive, analysis: Analysis) -> Sequence[Fingerprint]:
        raise NotImplementedError

    async def restore(self, archive: Archive, streams: Sequence[Stream], kept_until: datetime) -> None:
        assert not streams
        known = self._memory.analyses[archive.analysis_id]
        restored = replace(known, status=Status.COMPLETED, stage=None, dinsight_id=archive.map_id)
        self._memory.analyses[known.id] = restored
        del self._memory.archives[known.id]

    async def set_stage(self, analysis_id: UUID, stage: str | None) -> None:
        if (analysis := await self.lock(analysis_id)) is not None:
            self._memory.analyses[analysis_id] = replace(analysis, stage=stage)

    async def archived_by_upload(self, upload_id: UUID) -> UUID | None:
        mine = [a for a in self._memory.analyses.values() if self._mine(a) and a.file_upload_id == upload_id]
        return next((a.id for a in mine if a.status is Status.ARCHIVED), None)

    async def expiring(self, before: datetime, limit: int) -> Sequence[Archive]:
        raise NotImplementedError

    async def expire(self, archive: Archive, now: datetime) -> bool:
        raise NotImplementedError


class FakeDeletions(Scoped):
    async def lock_runs(self, baseline_id: UUID) -> Sequence[UUID]:
        baseline = self._memory.analyses[baseline_id]
        maps = {baseline.dinsight_id} - {None} if baseline.analysis_type is AnalysisType.BASELINE else set()
        return sorted(
            run.id
            for run in self._memory.analyses.values()
            if self._mine(run) and run.id != baseline_id and run.status is not Status.DELETING
            if run.baseline_id == baseline_id or run.dinsight_id in maps
        )

    async def mark(self, analysis_ids: Sequence[UUID], deletion_id: UUID) -> None:
        for analysis_id in analysis_ids:
            known = self._memory.analyses[analysis_id]
            self._memory.analyses[analysis_id] = replace(known, status=Status.DELETING, stage=None)


class FakeOrganizations(Scoped):
    async def merge(self, organization: OrganizationRef) -> bool:
        known = self._memory.organizations.get(organization.organization_id)
        if known is not None and known.version >= organization.version:
            return False
        self._memory.organizations[organization.organization_id] = organization
        return True
