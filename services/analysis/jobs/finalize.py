"""The ends of an analysis: each is one transaction, and only the holder of the job's lease can make it."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.analysis.database.analyses import MapRow
from services.analysis.database.unit import PostgresUnits, Unit
from services.analysis.domain import Analysis, Status
from services.analysis.engine import EngineError, TableError
from services.analysis.jobs.domain import MAX_ATTEMPTS, SCORED_SHARE, Stage
from services.analysis.jobs.fit import Fitted
from services.analysis.jobs.progress import Progress, Stopwatch
from services.analysis.jobs.work import Work, scope_of
from services.analysis.objects.models import ModelStore
from services.analysis.uploads.domain import FileUpload
from shared.clock import Clock, IdGenerator
from shared.events.analysis import (
    ANALYSIS_COMPLETED,
    ANALYSIS_FAILED,
    AnalysisCompleted,
    AnalysisFailed,
)
from shared.jobs.queue import Job, LeaseLost

# An analysis that ends badly for no fault of its file says so in these words.
WORKER_DIED = (
    f"The worker crashed {MAX_ATTEMPTS} times on this analysis, so it will not be retried. Most likely the"
    " file needs more memory than a worker has. Split it into smaller files, or ask your administrator to"
    " check the worker's log."
)
INTERNAL_ERROR = (
    "The analysis failed because of an internal error, and retrying did not help. The error has been logged."
    " Contact your administrator and quote the ID of the analysis."
)


class Finalizer:
    def __init__(self, units: PostgresUnits, models: ModelStore, clock: Clock, new_id: IdGenerator) -> None:
        self._units = units
        self._models = models
        self._clock = clock
        self._new_id = new_id

    async def complete_baseline(
        self, work: Work, progress: Progress, watch: Stopwatch, fitted: Fitted
    ) -> None:
        """Keep the model and the map, and end well."""
        progress.note(Stage.STORING, SCORED_SHARE)
        analysis = work.analysis
        with watch.stage(Stage.STORING):
            key = self._models.key(analysis.id, work.job.token)
            await self._models.save(key, fitted.model)
        places = fitted.model.coordinates
        row = MapRow(
            id=self._new_id(),
            organization_id=analysis.organization_id,
            file_upload_id=work.upload.id,
            config_id=work.config.id,
            x_values=places[:, 0].tolist(),
            y_values=places[:, 1].tolist(),
            distance_values=fitted.model.baseline_distances.tolist(),
            misfit_values=None,
            model_key=key,
            created_at=self._clock.now(),
        )
        results = fitted.model.results() | {"timings": watch.timings}
        async with self._units(work.scope) as unit:
            await unit.analyses.add_map(row)
            await self.complete(unit, work, results, row.id, fitted.features, fitted.samples)

    async def complete(
        self,
        unit: Unit,
        work: Work,
        results: Mapping[str, Any],
        dinsight_id: UUID,
        features: tuple[str, ...],
        samples: int,
    ) -> None:
        """The good end itself, in the transaction that keeps the results. Raises LeaseLost."""
        analysis, now = work.analysis, self._clock.now()
        if not await unit.analyses.complete(analysis.id, results=results, dinsight_id=dinsight_id, now=now):
            raise LeaseLost(str(analysis.id))
        await unit.jobs.complete(work.job)
        await unit.analyses.note_upload(
            work.upload.id, Status.COMPLETED, now, features=features, samples=samples
        )
        payload = AnalysisCompleted(
            analysis_id=analysis.id,
            file_upload_id=work.upload.id,
            machine_id=analysis.machine_id,
            analysis_type=analysis.analysis_type.value,
            samples=samples,
            anomaly_count=results.get("anomaly_count", 0),
            anomaly_fraction=results.get("anomaly_fraction", 0.0),
            max_distance=results.get("max_distance"),
            threshold=results.get("threshold"),
            health=results.get("health"),
            results=dict(results),
            completed_at=now,
        )
        await unit.outbox.add(
            ANALYSIS_COMPLETED, analysis.machine_id, payload, organization_id=analysis.organization_id
        )

    async def refuse(self, work: Work, error: EngineError) -> None:
        """The file is at fault: nothing of it stays but the reason. Raises LeaseLost."""
        async with self._units(work.scope) as unit:
            await self._fail(unit, work.job, work.analysis, work.upload, _explained(error))
            await unit.analyses.discard(f"{work.upload.file_path}/")

    async def give_up(self, job: Job, error: Exception | None) -> None:
        """The last attempt has failed, or its workers died of it (no `error`). Raises LeaseLost."""
        message = WORKER_DIED if error is None else INTERNAL_ERROR
        async with self._units(scope_of(job)) as unit:
            analysis = await unit.uploads.get(job.subject_id)
            if analysis is None:
                await unit.jobs.complete(job)
                return
            upload = await unit.uploads.get_upload(analysis.file_upload_id)
            await self._fail(unit, job, analysis, upload, {"message": message})

    async def _fail(
        self, unit: Unit, job: Job, analysis: Analysis, upload: FileUpload | None, error: Mapping[str, Any]
    ) -> None:
        """End badly: what was stored of the analysis goes, and with it every job that is left of it."""
        if upload is None:
            raise LookupError(f"analysis {analysis.id} has no upload")
        now = self._clock.now()
        failed = await unit.analyses.fail(analysis.id, error=error, now=now)
        await unit.jobs.complete(job)
        if not failed:
            return
        await unit.jobs.cancel([analysis.id])
        await unit.analyses.delete_results(analysis.id, upload.id)
        await unit.analyses.note_upload(upload.id, Status.FAILED, now, error_message=error["message"])
        payload = AnalysisFailed(
            analysis_id=analysis.id,
            file_upload_id=upload.id,
            machine_id=analysis.machine_id,
            analysis_type=analysis.analysis_type.value,
            error=error["message"],
            file=error.get("file"),
            row=error.get("row"),
            column=error.get("column"),
            failed_at=now,
        )
        await unit.outbox.add(
            ANALYSIS_FAILED, analysis.machine_id, payload, organization_id=analysis.organization_id
        )


def _explained(error: EngineError) -> Mapping[str, Any]:
    """The error as clients read it: a whole sentence, and where in which file."""
    return {
        "message": str(error),
        "file": error.file,
        "row": error.row,
        "column": error.column,
        "suggestion": error.suggestion if isinstance(error, TableError) else None,
    }
