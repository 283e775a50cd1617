"""What a worker does with an upload: take it under a lease, do it, and give it exactly one end."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import structlog

from services.analysis.database.unit import PostgresUnits
from services.analysis.domain import AnalysisType, Status
from services.analysis.engine import EngineError, TableError
from services.analysis.jobs.chunks import ChunkStore
from services.analysis.jobs.domain import MOST_ATTEMPTS, Stage
from services.analysis.jobs.finalize import Joiner, OutcomeWriter
from services.analysis.jobs.fit import Computer, Stopwatch, Work
from services.analysis.jobs.progress import LeaseLost, Pulse, tell_progress
from services.analysis.jobs.score import ChunkScorer
from services.analysis.objects.models import ModelStore
from services.analysis.settings import Settings
from shared.access import Scope
from shared.clock import Clock, IdGenerator
from shared.events.analysis import UploadReceived
from shared.events.base import Event

# An analysis that ends badly for no fault of its file says so in these words.
WORKER_DIED = (
    f"The analysis stopped {MOST_ATTEMPTS} times without an end, so it is not tried again. Most likely the"
    " file needs more memory than a worker has: split it into smaller files, or ask your administrator to"
    " look at the worker's log."
)
OUR_FAULT = (
    "The analysis failed on our side, and trying again did not help. It is logged: ask your administrator,"
    " and name the analysis."
)

logger = structlog.get_logger(__name__)


class Processor:
    def __init__(
        self,
        units: PostgresUnits,
        computer: Computer,
        chunks: ChunkStore,
        scorer: ChunkScorer,
        joiner: Joiner,
        models: ModelStore,
        outcomes: OutcomeWriter,
        settings: Settings,
        clock: Clock,
        new_id: IdGenerator,
    ) -> None:
        self._units = units
        self._computer = computer
        self._chunks = chunks
        self._scorer = scorer
        self._joiner = joiner
        self._models = models
        self._outcomes = outcomes
        self._settings = settings
        self._clock = clock
        self._new_id = new_id

    async def handle(self, event: Event[UploadReceived]) -> None:
        """Do the analysis that the event names, unless it is done, gone, or in other hands."""
        work = await self._claim(Scope(organization_id=event.organization_id), event.payload.analysis_id)
        if work is None:
            return
        with structlog.contextvars.bound_contextvars(analysis_id=str(work.analysis.id)):
            try:
                async with self._pulse(work) as pulse:
                    await self._do(work, pulse)
            except LeaseLost:
                logger.warning("lease lost, leaving the analysis to its new worker")
            except EngineError as error:
                logger.info("file refused", reason=str(error))
                await self._outcomes.refuse(work, _explained(error))
            except asyncio.CancelledError:
                await asyncio.shield(self._outcomes.put_back(work, counted=False))
                raise
            except (
                Exception
            ) as error:  # the last resort: whatever it was, the analysis gets another try or an end
                logger.error("analysis failed", attempt=work.analysis.attempts, exc_info=error)
                await self._try_again_or_fail(work)

    async def _claim(self, scope: Scope, analysis_id: UUID) -> Work | None:
        token = self._new_id()
        async with self._units(scope) as unit:
            analysis = await unit.work.claim(
                analysis_id, token, timedelta(seconds=self._settings.lease_seconds)
            )
            if analysis is None:
                logger.info("nothing to do", analysis_id=str(analysis_id))
                return None
            upload = await unit.uploads.get_upload(analysis.file_upload_id)
            config = await unit.configs.get(analysis.config_id or 0)
            if upload is None or config is None:
                raise LookupError(f"analysis {analysis_id} has no upload or no configuration")
            model_key = None
            if analysis.dinsight_id is not None:
                model_key = await unit.work.model_key(analysis.dinsight_id)
            await unit.work.note_upload(upload.id, Status.PROCESSING, self._clock.now())
            # However short the work is, whoever watches sees that it has begun.
            await tell_progress(unit, analysis, Stage.READING, 0.0)
        work = Work(analysis, upload, config, token, model_key)
        if analysis.attempts > MOST_ATTEMPTS:
            await self._outcomes.fail(work, {"message": WORKER_DIED})
            return None
        return work

    def _pulse(self, work: Work) -> Pulse:
        settings = self._settings
        return Pulse(
            self._units,
            work.analysis,
            work.token,
            lease=timedelta(seconds=settings.lease_seconds),
            heartbeat_seconds=settings.heartbeat_seconds,
            progress_seconds=settings.progress_seconds,
        )

    async def _do(self, work: Work, pulse: Pulse) -> None:
        watch = Stopwatch(work.analysis.analysis_type)
        if work.analysis.analysis_type is AnalysisType.BASELINE:
            fitted = await self._computer.fit(work, pulse, watch, partial(self._chunks.keep_features, work))
            await self._outcomes.complete_baseline(work, pulse, watch, fitted)
            return
        if work.model_key is None:
            raise LookupError(f"the baseline of analysis {work.analysis.id} has no model")
        model = await self._models.load(work.model_key)
        store = partial(self._chunks.list_chunk, work, announce=not model.state_needs_placement)
        split = await self._computer.split(work, model, pulse, watch, store)
        with watch.stage(Stage.SCORING):
            await self._scorer.finish(work, model, pulse)
        await self._joiner.complete_monitoring(work, model, pulse, watch, split)

    async def _try_again_or_fail(self, work: Work) -> None:
        if work.analysis.attempts < MOST_ATTEMPTS:
            await self._outcomes.put_back(work, counted=True)
        else:
            await self._outcomes.fail(work, {"message": OUR_FAULT})


def _explained(error: EngineError) -> Mapping[str, Any]:
    """The error as clients read it: a whole sentence, and where in which file."""
    return {
        "message": str(error),
        "file": error.file,
        "row": error.row,
        "column": error.column,
        "suggestion": error.suggestion if isinstance(error, TableError) else None,
    }
