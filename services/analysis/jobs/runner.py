"""Runs analyses: completes baselines, and splits monitoring runs into chunks."""

from datetime import timedelta

import structlog

from services.analysis.database.unit import Units
from services.analysis.domain import AnalysisType, Status
from services.analysis.engine import EngineError
from services.analysis.jobs.domain import Stage
from services.analysis.jobs.finalize import Finalizer
from services.analysis.jobs.fit import BaselineFitter
from services.analysis.jobs.progress import Progress, Stopwatch, publish_progress
from services.analysis.jobs.reading import NotSmall
from services.analysis.jobs.split import Splitter
from services.analysis.jobs.work import Work, scope_of, work_on
from services.analysis.objects.models import ModelStore
from shared.clock import Clock
from shared.jobs.queue import Job, Lease, Size

logger = structlog.get_logger(__name__)


class AnalysisRunner:
    """Runs the jobs of kind `analysis`: fits a baseline, or splits a monitoring run into chunks."""

    def __init__(
        self,
        units: Units,
        fitter: BaselineFitter,
        splitter: Splitter,
        models: ModelStore,
        finalizer: Finalizer,
        clock: Clock,
        *,
        progress_seconds: float,
    ) -> None:
        self._units = units
        self._fitter = fitter
        self._splitter = splitter
        self._models = models
        self._finalizer = finalizer
        self._clock = clock
        self._progress_seconds = progress_seconds

    async def run(self, job: Job, lease: Lease) -> None:
        work = await self._begin(job, lease)
        if work is None:
            return
        try:
            async with Progress(self._units, work, every=self._progress_seconds) as progress:
                await self._do(work, progress)
        except EngineError as error:
            logger.info("file rejected", reason=str(error))
            await self._finalizer.reject(work, error)
        except NotSmall:
            logger.info("job requeued as large because a small file contains many values")
            await self._requeue(job, timedelta(), counted=False, size=Size.LARGE)

    async def put_back(self, job: Job, after: timedelta, *, counted: bool) -> None:
        await self._requeue(job, after, counted=counted)

    async def give_up(self, job: Job, error: Exception | None) -> None:
        await self._finalizer.give_up(job, error)

    async def _begin(self, job: Job, lease: Lease) -> Work | None:
        """Start an attempt, and delete the results of earlier ones. End the job if the analysis has ended."""
        async with self._units(scope_of(job)) as unit:
            analysis = await unit.analyses.begin(job.subject_id, job.attempt)
            if analysis is None:
                await unit.jobs.complete(job)
                return None
            await unit.results.delete(analysis.id, analysis.file_upload_id)
            await unit.jobs.hold(job)
            await unit.jobs.cancel([analysis.id], but=job)
            work = await work_on(unit, job, lease, analysis)
            await unit.uploads.set_status(work.upload.id, Status.PROCESSING, self._clock.now())
            # Even if the work is short, whoever watches sees that it has started.
            await publish_progress(unit, analysis, Stage.READING, 0.0)
        return work

    async def _do(self, work: Work, progress: Progress) -> None:
        watch = Stopwatch(work.analysis.analysis_type)
        if work.analysis.analysis_type is AnalysisType.BASELINE:
            fitted = await self._fitter.fit(work, progress, watch)
            await self._finalizer.complete_baseline(work, progress, watch, fitted)
            return
        if work.model_key is None:
            raise LookupError(f"the baseline of analysis {work.analysis.id} has no model")
        model = await self._models.load(work.model_key)
        await self._splitter.split(work, model, progress, watch)

    async def _requeue(self, job: Job, after: timedelta, *, counted: bool, size: Size | None = None) -> None:
        """Return the job to the queue, and cancel the jobs of its chunks, which the next attempt replaces."""
        async with self._units(scope_of(job)) as unit:
            await unit.analyses.requeue(job.subject_id, attempts=job.attempt if counted else job.attempt - 1)
            await unit.jobs.retry(job, after, counted=counted, size=size)
            await unit.jobs.cancel([job.subject_id], but=job)
