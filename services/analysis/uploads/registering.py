"""Creates the analysis of stored files, in one transaction."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from services.analysis.baselines.domain import check_usable
from services.analysis.baselines.service import check_model
from services.analysis.configs.domain import ConfigChanges, Configuration
from services.analysis.configs.errors import ConfigNotFound
from services.analysis.configs.service import ConfigService
from services.analysis.database.unit import Unit
from services.analysis.domain import Analysis, AnalysisType, Status
from services.analysis.engine import LabelFile
from services.analysis.errors import AnalysisNotFound, NoBaseline
from services.analysis.jobs.domain import QUEUE, Kind, size_of
from services.analysis.machines.errors import MachineNotFound
from services.analysis.quotas.service import QuotaService
from services.analysis.uploads.domain import FileUpload, StoredFile, upload_prefix
from services.analysis.uploads.labels import with_labels
from shared.access import Caller
from shared.audit import Auditor
from shared.clock import Clock, IdGenerator
from shared.events.analysis import UPLOAD_RECEIVED, UploadReceived
from shared.jobs.queue import NewJob


@dataclass(slots=True)
class Received:
    """The stored files of an upload, the bytes of them all, and the labels that came beside them."""

    upload_id: UUID
    files: list[StoredFile] = field(default_factory=list)
    size: int = 0
    labels: LabelFile | None = None


@dataclass(frozen=True, slots=True)
class AnalysisRequest:
    """Which analysis is wanted. `origin` is added to the audit trail."""

    machine_id: UUID
    analysis_type: AnalysisType
    config_id: int | None = None
    baseline_id: UUID | None = None
    config: ConfigChanges | None = None
    origin: Mapping[str, Any] = field(default_factory=dict)


class Registrar:
    def __init__(
        self,
        clock: Clock,
        new_id: IdGenerator,
        auditor: Auditor,
        configs: ConfigService,
        quotas: QuotaService,
    ) -> None:
        self._quotas = quotas
        self._clock = clock
        self._new_id = new_id
        self._auditor = auditor
        self._configs = configs

    async def check_quotas(self, unit: Unit, organization_id: UUID, size: int) -> None:
        """Raises QuotaExceeded, as `register` would for this size."""
        await self._quotas.check(unit, organization_id, size)

    async def register(
        self, unit: Unit, caller: Caller, received: Received, request: AnalysisRequest
    ) -> Analysis:
        """Add the upload, its analysis and the job, and publish it.

        Raises MachineNotFound, NoBaseline, AnalysisNotFound, BaselineUnusable, ConfigNotFound, BadUpload,
        Unprocessable, QuotaExceeded.
        """
        await self._quotas.check(unit, caller.organization_id, received.size)
        machine = await unit.machines.lock(request.machine_id)
        if machine is None or machine.deleted:
            raise MachineNotFound(request.machine_id)
        baseline = None
        if request.analysis_type is AnalysisType.MONITORING:
            baseline = await self._baseline(unit, request, machine.name)
        config = await self._config(unit, caller, request, baseline)
        # Four megabytes of labels take seconds to read.
        changes = await asyncio.to_thread(with_labels, request.config, received.labels, config)
        if changes is not None:
            config = await self._configs.for_analysis(unit, caller, config, changes)
        now = self._clock.now()
        upload = FileUpload(
            id=received.upload_id,
            organization_id=caller.organization_id,
            original_filename=received.files[0].filename,
            file_size=received.size,
            file_path=upload_prefix(received.upload_id),
            status=Status.PENDING,
            error_message=None,
            merged_files=[file.recorded() for file in received.files],
            features=None,
            samples=None,
            created_at=now,
            updated_at=now,
        )
        analysis = Analysis(
            id=self._new_id(),
            organization_id=caller.organization_id,
            machine_id=request.machine_id,
            file_upload_id=upload.id,
            dinsight_id=baseline.dinsight_id if baseline else None,
            baseline_id=baseline.id if baseline else None,
            config_id=config.id,
            analysis_type=request.analysis_type,
            status=Status.PENDING,
            stage=None,
            progress=0.0,
            results=None,
            error=None,
            attempts=0,
            created_by=caller.user_id,
            created_at=now,
            completed_at=None,
        )
        await unit.uploads.add(upload)
        await unit.analyses.add(analysis)
        await unit.jobs.enqueue([self._job(analysis, upload)])
        payload = UploadReceived(
            analysis_id=analysis.id,
            file_upload_id=upload.id,
            machine_id=analysis.machine_id,
            analysis_type=analysis.analysis_type.value,
        )
        await unit.outbox.add(UPLOAD_RECEIVED, analysis.id, payload, organization_id=caller.organization_id)
        after = {
            "machine_id": analysis.machine_id,
            "analysis_type": analysis.analysis_type,
            "files": [file.filename for file in received.files],
            "file_size": received.size,
            **request.origin,
        }
        if changes is not None:
            after["config"] = changes.sent
        await self._auditor.wrote(
            unit.outbox, caller, "analysis.created", "analysis", analysis.id, after=after
        )
        return analysis

    def _job(self, analysis: Analysis, upload: FileUpload) -> NewJob:
        return NewJob(
            id=self._new_id(),
            queue=QUEUE,
            kind=Kind.ANALYSIS,
            organization_id=analysis.organization_id,
            subject_id=analysis.id,
            size=size_of(upload),
        )

    @staticmethod
    async def _baseline(unit: Unit, request: AnalysisRequest, machine_name: str) -> Analysis:
        wanted = request.baseline_id
        if wanted is None:
            active = await unit.baselines.active(request.machine_id)
            if active is None:
                raise NoBaseline(machine_name)
            wanted = active.analysis_id
        # It may have been deleted or archived between being found and being locked.
        requested = await unit.analyses.lock_baseline(wanted)
        if requested is None:
            raise AnalysisNotFound(wanted)
        check_usable(requested, request.machine_id)
        await check_model(unit, requested)
        return requested

    async def _config(
        self, unit: Unit, caller: Caller, request: AnalysisRequest, baseline: Analysis | None
    ) -> Configuration:
        """The configuration to use, or to change with what the request brings."""
        wanted = request.config_id or (baseline.config_id if baseline is not None else None)
        if wanted is None:
            return await unit.configs.current(caller.organization_id, self._clock.now())
        config = await unit.configs.get(wanted)
        if config is None:
            raise ConfigNotFound(wanted)
        return config
