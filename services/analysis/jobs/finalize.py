"""Completes or fails an analysis, in one transaction, which only the holder of the job's lease can commit."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.analysis.baselines.domain import activation
from services.analysis.database.results import MapRow
from services.analysis.database.unit import Unit, Units
from services.analysis.domain import Analysis, AnalysisType, Status
from services.analysis.engine import EngineError, TableError
from services.analysis.jobs.domain import MAX_ATTEMPTS, SCORED_SHARE, Stage
from services.analysis.jobs.fit import Fitted
from services.analysis.jobs.progress import Progress, Stopwatch
from services.analysis.jobs.work import Work, scope_of
from services.analysis.objects.models import ModelStore
from services.analysis.quality.domain import told
from services.analysis.uploads.domain import FileUpload
from shared.clock import Clock, IdGenerator
from shared.events.analysis import (
    ANALYSIS_COMPLETED,
    ANALYSIS_FAILED,
    AnalysisCompleted,
    AnalysisFailed,
)
from shared.jobs.queue import Job, LeaseLost

# The messages of analyses that fail for reasons other than an error in the file.
WORKER_DIED = (
    f"The worker crashed {MAX_ATTEMPTS} times on this analysis, so it will not be retried. Most likely the"
    " file needs more memory than a worker has. Split it into smaller files, or ask your administrator to"
    " check the worker's log."
)
OUT_OF_MEMORY = (
    "The analysis needs more memory than a worker has, and retrying did not help. Use fewer features, or"
    " split the file into smaller ones; or ask your administrator for workers with more memory."
)
INTERNAL_ERROR = (
    "The analysis failed because of an internal error, and retrying did not help. The error has been logged."
    " Contact your administrator and quote the ID of the analysis."
)


class Finalizer:
    def __init__(self, units: Units, models: ModelStore, clock: Clock, new_id: IdGenerator) -> None:
        self._units = units
        self._models = models
        self._clock = clock
        self._new_id = new_id

    async def complete_baseline(
        self, work: Work, progress: Progress, watch: Stopwatch, fitted: Fitted
    ) -> None:
        """Store the model and the map, and complete the analysis. Raises LeaseLost."""
        progress.note(Stage.STORING, SCORED_SHARE)
        analysis = work.analysis
        with watch.stage(Stage.STORING):
            key = self._models.key(analysis.id, work.job.token)
            await self._models.save(key, fitted.model)
        positions = fitted.model.coordinates
        row = MapRow(
            id=self._new_id(),
            organization_id=analysis.organization_id,
            file_upload_id=work.upload.id,
            config_id=work.config.id,
            x_values=positions[:, 0].tolist(),
            y_values=positions[:, 1].tolist(),
            distance_values=fitted.model.baseline_distances.tolist(),
            misfit_values=None,
            model_key=key,
            created_at=self._clock.now(),
        )
        results = fitted.model.results() | {"timings": watch.timings, "reading": told(fitted.quality)}
        try:
            async with self._units(work.scope) as unit:
                # Locked before the upload, to which the map refers, as by whoever deletes the machine.
                if await unit.analyses.lock(analysis.id) is None:
                    raise LeaseLost(str(analysis.id))
                await unit.results.add_map(row)
                await unit.qualities.save(analysis, fitted.quality)
                # The trigger gives it this number: nobody else completes a baseline of the machine meanwhile.
                number = await unit.baselines.hold(analysis.machine_id) + 1
                active = await unit.baselines.active(analysis.machine_id)
                results |= {"activation": activation(analysis.id, number, active)}
                await self.complete(unit, work, results, row.id, fitted.features, fitted.samples)
        except LeaseLost:
            # The analysis may be deleted, with everything that is known of it.
            await self._models.delete(key)
            raise

    async def complete(
        self,
        unit: Unit,
        work: Work,
        results: Mapping[str, Any],
        dinsight_id: UUID,
        features: tuple[str, ...],
        samples: int,
    ) -> None:
        """Complete the analysis in the transaction that stores the results. Raises LeaseLost."""
        analysis, now = work.analysis, self._clock.now()
        if not await unit.analyses.complete(analysis.id, results=results, dinsight_id=dinsight_id, now=now):
            raise LeaseLost(str(analysis.id))
        await unit.jobs.complete(work.job)
        await unit.uploads.set_status(
            work.upload.id, Status.COMPLETED, now, features=features, samples=samples
        )
        payload = AnalysisCompleted(
            analysis_id=analysis.id,
            file_upload_id=work.upload.id,
            machine_id=analysis.machine_id,
            analysis_type=analysis.analysis_type.value,
            samples=samples,
            not_judged=results.get("not_judged", 0),
            anomaly_count=results.get("anomaly_count", 0),
            anomaly_fraction=results.get("anomaly_fraction", 0.0),
            max_distance=results.get("max_distance"),
            threshold=results.get("threshold"),
            health=results.get("health"),
            results=dict(results),
            completed_at=now,
            scored=analysis.analysis_type is AnalysisType.MONITORING,
        )
        await unit.outbox.add(
            ANALYSIS_COMPLETED, analysis.machine_id, payload, organization_id=analysis.organization_id
        )

    async def reject(self, work: Work, error: EngineError) -> None:
        """Fail the analysis because of an error in its files, and delete these. Raises LeaseLost."""
        async with self._units(work.scope) as unit:
            await self._fail(unit, work.job, work.analysis, work.upload, _explained(error))
            await unit.upkeep.discard(f"{work.upload.file_path}/")
            await unit.uploads.forget_files(work.upload.id)

    async def give_up(self, job: Job, error: Exception | None) -> None:
        """Fail the analysis after its last attempt (no `error` if its workers died). Raises LeaseLost."""
        failure: Mapping[str, Any] = {"message": INTERNAL_ERROR, "code": "internal_error", "params": {}}
        if error is None:
            failure = {"message": WORKER_DIED, "code": "worker_died", "params": {"attempts": MAX_ATTEMPTS}}
        elif isinstance(error, MemoryError):
            failure = {"message": OUT_OF_MEMORY, "code": "out_of_memory", "params": {}}
        async with self._units(scope_of(job)) as unit:
            analysis = await unit.analyses.get(job.subject_id)
            if analysis is None:
                await unit.jobs.complete(job)
                return
            upload = await unit.uploads.get(analysis.file_upload_id)
            await self._fail(unit, job, analysis, upload, failure)

    async def _fail(
        self, unit: Unit, job: Job, analysis: Analysis, upload: FileUpload | None, error: Mapping[str, Any]
    ) -> None:
        """Fail the analysis, and delete its stored results and remaining jobs."""
        if upload is None:
            raise LookupError(f"analysis {analysis.id} has no upload")
        now = self._clock.now()
        failed = await unit.analyses.fail(analysis.id, error=error, now=now)
        await unit.jobs.complete(job)
        if not failed:
            return
        await unit.jobs.cancel([analysis.id])
        await unit.results.delete(analysis.id, upload.id)
        await unit.uploads.set_status(upload.id, Status.FAILED, now, error_message=error["message"])
        payload = AnalysisFailed(
            analysis_id=analysis.id,
            file_upload_id=upload.id,
            machine_id=analysis.machine_id,
            analysis_type=analysis.analysis_type.value,
            error=error["message"],
            code=error.get("code"),
            params=error.get("params") or {},
            file=error.get("file"),
            row=error.get("row"),
            column=error.get("column"),
            failed_at=now,
        )
        await unit.outbox.add(
            ANALYSIS_FAILED, analysis.machine_id, payload, organization_id=analysis.organization_id
        )


def _explained(error: EngineError) -> Mapping[str, Any]:
    """Return the error for clients: a sentence with its code, its place in the file, and what would help."""
    return {
        "message": str(error),
        "code": error.code,
        "params": error.params,
        "file": error.file,
        "row": error.row,
        "column": error.column,
        "suggestion": error.suggestion if isinstance(error, TableError) else None,
        "proposal": error.proposal,
    }
