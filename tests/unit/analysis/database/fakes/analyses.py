"""Machines, configurations, uploads and analyses in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.analysis.configs.domain import PARAMETERS, Configuration
from services.analysis.database.analyses import ScoringState
from services.analysis.domain import Analysis, AnalysisFilter, AnalysisType, Status
from services.analysis.engine import EngineConfig
from services.analysis.machines.domain import MachineRef
from services.analysis.quotas.domain import Usage
from services.analysis.uploads.domain import FileUpload
from shared.http.pages import Cursor, PageRequest, Slice
from tests.unit.analysis.database.fakes.memory import NOT_SCORING, Scoped, cut_page


class FakeMachines(Scoped):
    async def get(self, machine_id: UUID) -> MachineRef | None:
        found: MachineRef | None = self._found(self._memory.machines.get(machine_id))
        return found

    async def lock(self, machine_id: UUID) -> MachineRef | None:
        return await self.get(machine_id)

    async def merge(self, machine: MachineRef) -> bool:
        known = self._memory.machines.get(machine.id)
        if known is not None and (known.deleted or known.version >= machine.version):
            return False
        self._memory.machines[machine.id] = machine
        return True

    async def purge(self, machine_id: UUID) -> None:
        memory = self._memory
        mine = [a for a in memory.analyses.values() if a.machine_id == machine_id and self._mine(a)]
        ids, uploads = {a.id for a in mine}, {a.file_upload_id for a in mine}
        await self._queue.cancel(list(ids))
        stored = [path for upload in uploads if (path := memory.uploads[upload].file_path)]
        for name in [f"{path}/" for path in stored] + [
            row.model_key for row in memory.maps.values() if row.file_upload_id in uploads
        ]:
            memory.discarded[max(memory.discarded, default=0) + 1] = name
        tables: Sequence[tuple[dict[Any, Any], set[Any]]] = (
            (memory.analyses, ids),
            (memory.uploads, uploads),
            (memory.maps, {key for key, row in memory.maps.items() if row.file_upload_id in uploads}),
            (memory.anomalies, {key for key, a in memory.anomalies.items() if a.analysis_id in ids}),
            (memory.chunks, {key for key in memory.chunks if key[0] in ids}),
            (memory.points, {key for key in memory.points if key[0] in ids}),
        )
        for table, gone in tables:
            for key in gone:
                del table[key]
        memory.features[:] = [chunk for chunk in memory.features if chunk.file_upload_id not in uploads]


class FakeConfigs(Scoped):
    async def current(self, organization_id: UUID, now: datetime) -> Configuration:
        mine = [c for c in self._memory.configs.values() if self._mine(c) and not c.inline]
        if mine:
            return max(mine, key=lambda config: config.version)
        defaults = {name: getattr(EngineConfig(), name) for name in PARAMETERS}
        return await self.add(
            defaults
            | {"organization_id": organization_id, "version": 1, "created_at": now, "created_by": None}
        )

    async def lock_current(self, organization_id: UUID, now: datetime) -> Configuration:
        return await self.current(organization_id, now)

    async def get(self, config_id: int) -> Configuration | None:
        found: Configuration | None = self._found(self._memory.configs.get(config_id))
        return found

    async def list(self, page: PageRequest) -> Slice[Configuration]:
        mine = [c for c in self._memory.configs.values() if self._mine(c)]
        return cut_page(mine, page, lambda config: Cursor(config.created_at, UUID(int=config.id)))

    async def next_version(self, organization_id: UUID) -> int:
        return max((c.version for c in self._memory.configs.values() if self._mine(c)), default=0) + 1

    async def add(self, values: Mapping[str, Any]) -> Configuration:
        config = Configuration(id=len(self._memory.configs) + 1, **values)
        self._memory.configs[config.id] = config
        return config


class FakeUploads(Scoped):
    async def add(self, upload: FileUpload) -> None:
        self._memory.uploads[upload.id] = upload

    async def lock_usage(self, organization_id: UUID) -> None: ...

    async def usage(self, since: datetime) -> Usage:
        uploads = [each for each in self._memory.uploads.values() if self._mine(each)]
        recent = [each for each in uploads if each.created_at >= since]
        unfinished = [
            each
            for each in self._memory.analyses.values()
            if self._mine(each) and each.status in (Status.PENDING, Status.PROCESSING)
        ]
        return Usage(
            uploaded_bytes=sum(each.file_size for each in recent),
            uploaded_samples=sum(each.samples or 0 for each in recent),
            stored_bytes=sum(each.file_size for each in uploads if each.file_path),
            unfinished_analyses=len(unfinished),
        )

    async def get(self, upload_id: UUID) -> FileUpload | None:
        found: FileUpload | None = self._found(self._memory.uploads.get(upload_id))
        return found

    async def set_status(
        self,
        upload_id: UUID,
        status: Status,
        now: datetime,
        *,
        error_message: str | None = None,
        features: Sequence[str] | None = None,
        samples: int | None = None,
    ) -> None:
        if (upload := await self.get(upload_id)) is not None:
            self._memory.uploads[upload_id] = replace(
                upload,
                status=status,
                updated_at=now,
                error_message=error_message,
                features=upload.features if features is None else list(features),
                samples=upload.samples if samples is None else samples,
            )

    async def forget_files(self, upload_id: UUID) -> None:
        if (upload := await self.get(upload_id)) is not None:
            self._memory.uploads[upload_id] = replace(upload, file_path="")


class FakeAnalyses(Scoped):
    async def add(self, analysis: Analysis) -> None:
        self._memory.analyses[analysis.id] = analysis

    async def get(self, analysis_id: UUID) -> Analysis | None:
        found: Analysis | None = self._found(self._memory.analyses.get(analysis_id))
        return found

    async def list(self, wanted: AnalysisFilter, page: PageRequest) -> Slice[Analysis]:
        found = [
            a
            for a in self._memory.analyses.values()
            if self._mine(a)
            and wanted.machine_id in (None, a.machine_id)
            and wanted.analysis_type in (None, a.analysis_type)
            and wanted.status in (None, a.status)
        ]
        return cut_page(found, page, lambda analysis: Cursor(analysis.created_at, analysis.id))

    async def lock_baseline(self, analysis_id: UUID) -> Analysis | None:
        return await self.get(analysis_id)

    async def newest(
        self, machine_id: UUID, kind: AnalysisType, limit: int, *, archived: bool = False
    ) -> Sequence[Analysis]:
        statuses = (Status.COMPLETED, Status.ARCHIVED) if archived else (Status.COMPLETED,)
        found = [
            a
            for a in self._memory.analyses.values()
            if self._mine(a) and (a.machine_id, a.analysis_type) == (machine_id, kind)
            if a.status in statuses and a.completed_at is not None
        ]
        return sorted(found, key=lambda a: (a.completed_at, a.id), reverse=True)[:limit]

    async def begin(self, analysis_id: UUID, attempt: int) -> Analysis | None:
        states = (Status.PENDING, Status.PROCESSING)
        self._memory.scoring[analysis_id] = NOT_SCORING
        return self._change(
            analysis_id, states, status=Status.PROCESSING, stage="reading", progress=0.0, attempts=attempt
        )

    async def lock(self, analysis_id: UUID) -> Analysis | None:
        return self._change(analysis_id, (Status.PROCESSING,))

    async def lock_against_deletion(self, analysis_id: UUID) -> bool:
        return await self.lock(analysis_id) is not None

    async def set_progress(self, analysis_id: UUID, stage: str, progress: float) -> None:
        self._change(analysis_id, (Status.PROCESSING,), stage=stage, progress=progress)

    async def requeue(self, analysis_id: UUID, *, attempts: int) -> None:
        changes = {"status": Status.PENDING, "stage": None, "progress": 0.0, "attempts": attempts}
        self._change(analysis_id, (Status.PROCESSING,), **changes)

    async def set_read(
        self, analysis_id: UUID, *, chunks: int, now: datetime, timings: Mapping[str, float]
    ) -> ScoringState:
        self._change(analysis_id, (Status.PROCESSING,), stage="scoring")
        state = replace(await self.scoring(analysis_id), chunks=chunks, read_at=now, timings=dict(timings))
        self._memory.scoring[analysis_id] = state
        return state

    async def count_scored(self, analysis_id: UUID) -> ScoringState:
        state = await self.scoring(analysis_id)
        self._memory.scoring[analysis_id] = replace(state, scored=state.scored + 1)
        return self._memory.scoring[analysis_id]

    async def scoring(self, analysis_id: UUID) -> ScoringState:
        return self._memory.scoring.get(analysis_id, NOT_SCORING)

    async def complete(
        self, analysis_id: UUID, *, results: Mapping[str, Any], dinsight_id: UUID, now: datetime
    ) -> bool:
        changes = {"results": results, "dinsight_id": dinsight_id, "completed_at": now, "progress": 1.0}
        states = (Status.PROCESSING,)
        analysis = self._found(self._memory.analyses.get(analysis_id))
        if analysis is not None and analysis.analysis_type is AnalysisType.BASELINE:
            numbers = [
                each.baseline_version or 0
                for each in self._memory.analyses.values()
                if each.machine_id == analysis.machine_id
            ]
            changes["baseline_version"] = 1 + max(numbers)
        return self._change(analysis_id, states, status=Status.COMPLETED, stage=None, **changes) is not None

    async def fail(self, analysis_id: UUID, *, error: Mapping[str, Any], now: datetime) -> bool:
        states, changes = (Status.PENDING, Status.PROCESSING), {"error": error, "completed_at": now}
        return self._change(analysis_id, states, status=Status.FAILED, stage=None, **changes) is not None

    def _change(self, analysis_id: UUID, states: Sequence[Status], **changes: Any) -> Analysis | None:
        """Change an analysis that is in one of these states."""
        analysis: Analysis | None = self._found(self._memory.analyses.get(analysis_id))
        if analysis is None or analysis.status not in states:
            return None
        self._memory.analyses[analysis_id] = replace(analysis, **changes)
        return self._memory.analyses[analysis_id]
