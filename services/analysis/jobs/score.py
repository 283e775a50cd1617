"""Scoring the chunks of a monitoring run: any worker, in any order, each chunk once.

A large run is split by the worker that has it; its chunks are announced and scored by all workers, that one
included. Whoever scores a chunk has it under a lease of its own, and what comes of it is written in one
transaction that names the lease. A chunk that nobody scores, because its message was lost or its worker died,
is scored by the run's own worker before it ends the run.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from uuid import UUID

import numpy as np
import orjson
import structlog

from services.analysis.database.chunks import ClaimedChunk
from services.analysis.database.jobs import MonitorRow
from services.analysis.database.unit import PostgresUnits
from services.analysis.domain import Analysis
from services.analysis.engine import BaselineModel, Scores, SequenceState
from services.analysis.jobs.domain import Stage
from services.analysis.jobs.finalize import hold, scope_of
from services.analysis.jobs.fit import READ_SHARE, SCORED_SHARE, Stopwatch, Work
from services.analysis.jobs.progress import LeaseLost, Pulse
from services.analysis.jobs.recent import RecentChunks, Samples
from services.analysis.objects.models import ModelStore
from services.analysis.settings import Settings
from shared.access import Scope
from shared.clock import IdGenerator
from shared.events.analysis import ChunkStored
from shared.events.base import Event

# Between two looks at chunks that others score.
LOOK_AGAIN_SECONDS = 0.05
# How often a run's chunks are counted while it scores some itself: often enough for its progress.
COUNT_SECONDS = 0.5

logger = structlog.get_logger(__name__)


class ChunkScorer:
    def __init__(
        self,
        units: PostgresUnits,
        models: ModelStore,
        recent: RecentChunks,
        settings: Settings,
        new_id: IdGenerator,
    ) -> None:
        self._units = units
        self._models = models
        self._recent = recent
        self._lease = timedelta(seconds=settings.lease_seconds)
        self._new_id = new_id

    async def handle(self, event: Event[ChunkStored]) -> None:
        """Score the chunk that the event names, unless it is scored, gone, or in other hands."""
        scope = Scope(organization_id=event.organization_id)
        wanted, token = event.payload, self._new_id()
        async with self._units(scope) as unit:
            if not await unit.chunks.share(wanted.analysis_id):
                return
            chunk = await unit.chunks.claim(wanted.analysis_id, wanted.process_order, token, self._lease)
            analysis = await unit.uploads.get(wanted.analysis_id)
            if chunk is None or analysis is None or analysis.dinsight_id is None:
                return
            model_key = await unit.work.model_key(analysis.dinsight_id)
        try:
            if model_key is None:
                raise LookupError(f"the baseline of analysis {analysis.id} has no model")
            model = await self._models.load(model_key)
            await self._score(analysis, chunk, model, _state(chunk))
        except LeaseLost:
            logger.info("chunk is in other hands", analysis_id=str(analysis.id))
        except asyncio.CancelledError:
            await asyncio.shield(self._release(scope, chunk))
            raise
        except Exception as error:  # whatever it was, the run's own worker meets it too, and explains it
            logger.warning("chunk left to its run's worker", analysis_id=str(analysis.id), exc_info=error)
            await self._release(scope, chunk)

    async def finish(self, work: Work, model: BaselineModel, pulse: Pulse) -> None:
        """Score what others leave of a run, until all of it is scored.

        Where the sequence's state can only be told by scoring, every chunk is scored here, in order. Raises
        LeaseLost when the run is no longer ours.
        """
        analysis, chained = work.analysis, model.state_needs_placement
        state: SequenceState | None = None
        counted = float("-inf")
        while True:
            async with self._units(scope_of(analysis)) as unit:
                await hold(unit, work)
                chunk = await unit.chunks.claim_next(analysis.id, self._new_id(), self._lease)
                if chunk is None or time.monotonic() - counted > COUNT_SECONDS:
                    chunks, scored = await unit.chunks.counts(analysis.id)
                    counted = time.monotonic()
            pulse.report(Stage.SCORING, READ_SHARE + (SCORED_SHARE - READ_SHARE) * scored / max(1, chunks))
            if chunk is not None:
                try:
                    state = await self._score(analysis, chunk, model, state if chained else _state(chunk))
                except LeaseLost:
                    if chained:  # what comes next would not know what came before
                        raise
                    logger.warning("chunk took longer than its lease", analysis_id=str(analysis.id))
            elif scored == chunks:
                return
            else:
                await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async def _release(self, scope: Scope, chunk: ClaimedChunk) -> None:
        async with self._units(scope) as unit:
            await unit.chunks.release(chunk)

    async def _score(
        self,
        analysis: Analysis,
        chunk: ClaimedChunk,
        model: BaselineModel,
        state: SequenceState | None,
    ) -> SequenceState:
        """Score a claimed chunk and keep what comes of it. Raises LeaseLost when it is no longer ours."""
        samples = self._recent.take(analysis.id, chunk.process_order) or await self._samples(analysis, chunk)
        with Stopwatch(analysis.analysis_type).stage("chunk"):
            scores, anomalies = await asyncio.to_thread(_judge, model, samples, state, chunk.first_sample)
        row = _row(analysis, chunk, scores, samples, self._new_id())
        async with self._units(scope_of(analysis)) as unit:
            ours = await unit.chunks.share(analysis.id) and await unit.chunks.complete(
                chunk, row, asdict(scores.summary), anomalies
            )
        if not ours:
            raise LeaseLost(str(analysis.id))
        return scores.state

    async def _samples(self, analysis: Analysis, chunk: ClaimedChunk) -> Samples:
        async with self._units(scope_of(analysis)) as unit:
            rows = await unit.results.feature_rows(analysis.file_upload_id, chunk.first_sample)
        if rows is None or len(rows.features) != chunk.samples:
            raise LookupError(f"the samples of chunk {chunk.process_order} of {analysis.id} are not there")
        return Samples(rows.features, orjson.loads(rows.metadata or "[]"))


def _state(chunk: ClaimedChunk) -> SequenceState | None:
    return SequenceState.from_dict(chunk.state) if chunk.state is not None else None


def _judge(
    model: BaselineModel, samples: Samples, state: SequenceState | None, first: int
) -> tuple[Scores, list[Mapping[str, Any]]]:
    """Scores, and the anomalies with their explanations, as they wait for the end of the run."""
    scores = model.score(samples.features, state, first_row=first)
    places = np.flatnonzero(scores.anomaly).tolist()
    explanations = model.explain(samples.features[places]) if places else []
    return scores, [
        {
            "sample_index": first + place,
            "severity": str(scores.severity[place]),
            "distance": float(scores.distance[place]),
            "threshold": scores.threshold,
            "ratio": float(scores.ratio[place]),
            "x": float(scores.x[place]),
            "y": float(scores.y[place]),
            "features": explanation.as_dict(),
            "metadata": samples.metadata[place] if place < len(samples.metadata) else {},
        }
        for place, explanation in zip(places, explanations, strict=True)
    ]


def _row(
    analysis: Analysis, chunk: ClaimedChunk, scores: Scores, samples: Samples, row_id: UUID
) -> MonitorRow:
    if analysis.dinsight_id is None:
        raise LookupError(f"analysis {analysis.id} has no map to be placed on")
    return MonitorRow(
        id=row_id,
        organization_id=analysis.organization_id,
        dinsight_id=analysis.dinsight_id,
        analysis_id=analysis.id,
        process_order=chunk.process_order,
        first_sample=chunk.first_sample,
        samples=scores.x.size,
        monitor_values=scores.distance.tolist(),
        x_values=scores.x.tolist(),
        y_values=scores.y.tolist(),
        misfit_values=scores.misfit.tolist(),
        anomaly_values=scores.anomaly.tolist(),
        metadata=list(samples.metadata),
        # The same in every attempt: on a hypertable the uniqueness of chunks includes this time.
        created_at=analysis.created_at,
    )
