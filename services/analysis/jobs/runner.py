"""What a worker does with an upload: read it, and end it or hand it on, once."""

from datetime import timedelta

import structlog

from services.analysis.database.unit import PostgresUnits
from services.analysis.domain import AnalysisType, Status
from services.analysis.engine import EngineError
from services.analysis.jobs.domain import Stage
from services.analysis.jobs.finalize import Finalizer
from services.analysis.jobs.fit import BaselineFitter
from services.analysis.jobs.progress import Progress, Stopwatch, publish_progress
from services.analysis.jobs.reading import LargerThanItLooks
from services.analysis.jobs.split import Splitter
from services.analysis.jobs.work import Work, scope_of, work_on
from services.analysis.objects.models import ModelStore
from shared.clock import Clock
from shared.jobs.queue import Job, Lease, Size

logger = structlog.get_logger(__name__)


class AnalysisRunner:
    """Does the jobs of kind `analysis`: fits a baseline, or splits a monitoring run into chunks."""

    def __init__(
        self,
        units: PostgresUnits,
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
            logger.info("file refused", reason=str(error))
            await self._finalizer.refuse(work, error)
        except LargerThanItLooks:
            logger.info("the file holds more than its size tells: its job is a large one from now on")
            await self._wait(job, timedelta(), counted=False, size=Size.LARGE)

    async def put_back(self, job: Job, after: timedelta, *, counted: bool) -> None:
        await self._wait(job, after, counted=counted)

    async def give_up(self, job: Job, error: Exception | None) -> None:
        await self._finalizer.give_up(job, error)

    async def _begin(self, job: Job, lease: Lease) -> Work | None:
        """Begin, or begin anew; None, and the job is ended, when the analysis has ended."""
        async with self._units(scope_of(job)) as unit:
            analysis = await unit.analyses.begin(job.subject_id, job.attempt)
            if analysis is None:
                await unit.jobs.complete(job)
                return None
            await unit.jobs.hold(job)
            await unit.jobs.cancel([analysis.id], but=job)
            work = await work_on(unit, job, lease, analysis)
            await unit.analyses.note_upload(work.upload.id, Status.PROCESSING, self._clock.now())
            # However short the work is, whoever watches sees that it has begun.
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

    async def _wait(self, job: Job, after: timedelta, *, counted: bool, size: Size | None = None) -> None:
        """Back to the queue; the chunks that were stored are of no use to the next attempt."""
        async with self._units(scope_of(job)) as unit:
            await unit.analyses.wait(job.subject_id, attempts=job.attempt if counted else job.attempt - 1)
            await unit.jobs.retry(job, after, counted=counted, size=size)
            await unit.jobs.cancel([job.subject_id], but=job)
