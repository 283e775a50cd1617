"""Scores the chunks of a monitoring run: each once, on any worker, in any order."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from uuid import UUID

import numpy as np
import orjson
from numpy.typing import NDArray

from services.analysis.configs.domain import engine_config
from services.analysis.database.analyses import ScoringState
from services.analysis.database.chunks import MonitorRow, UnscoredChunk
from services.analysis.database.unit import Unit, Units
from services.analysis.domain import Analysis
from services.analysis.engine import (
    BaselineModel,
    EngineError,
    Explanation,
    Scores,
    SequenceState,
    judged_by,
)
from services.analysis.jobs.domain import READ_SHARE, SCORED_SHARE, Kind, Stage
from services.analysis.jobs.finalize import Finalizer
from services.analysis.jobs.progress import Stopwatch, publish_progress
from services.analysis.jobs.recent import RecentChunks, Samples
from services.analysis.jobs.work import Work, continued, scope_of
from services.analysis.objects.models import ModelStore
from shared.clock import IdGenerator
from shared.jobs.queue import Job, Lease, LeaseLost
from shared.postgres.partitions import Partitions

# How many times the progress of a run is published, whatever its number of chunks.
PROGRESS_STEPS = 20


class ChunkScorer:
    """Runs the jobs of kind `chunk`. The transaction that ends a job stores its result."""

    def __init__(
        self,
        units: Units,
        partitions: Partitions,
        models: ModelStore,
        recent: RecentChunks,
        finalizer: Finalizer,
        new_id: IdGenerator,
    ) -> None:
        self._units = units
        self._partitions = partitions
        self._models = models
        self._recent = recent
        self._finalizer = finalizer
        self._new_id = new_id

    async def run(self, job: Job, lease: Lease) -> None:
        async with self._units(scope_of(job)) as unit:
            work = await continued(unit, job, lease)
            if work is None:
                return
            chunk = await unit.chunks.get(work.analysis.id, job.args["process_order"])
            if chunk is None:
                await unit.jobs.complete(job)
                return
        if work.model_key is None:
            raise LookupError(f"the baseline of analysis {work.analysis.id} has no model")
        model = judged_by(await self._models.load(work.model_key), engine_config(work.config))
        await work.lease.turn()
        try:
            await self._score(work, chunk, model)
        except EngineError as error:
            await self._finalizer.reject(work, error)

    async def put_back(self, job: Job, after: timedelta, *, counted: bool) -> None:
        async with self._units(scope_of(job)) as unit:
            await unit.jobs.retry(job, after, counted=counted)

    async def give_up(self, job: Job, error: Exception | None) -> None:
        await self._finalizer.give_up(job, error)

    async def _score(self, work: Work, chunk: UnscoredChunk, model: BaselineModel) -> None:
        analysis = work.analysis
        state = SequenceState.from_dict(chunk.state) if chunk.state is not None else None
        samples = self._recent.take(analysis.id, chunk.process_order) or await self._samples(work, chunk)
        with Stopwatch(analysis.analysis_type).stage("chunk"):
            scores, anomalies = await work.lease.compute(_scored, model, samples, state, chunk.first_sample)
        row = _row(analysis, chunk, scores, samples, self._new_id())
        await self._partitions.ensure("monitor_data", [row.created_at])
        async with self._units(work.scope) as unit:
            if await unit.analyses.lock(analysis.id) is None:
                raise LeaseLost(str(analysis.id))
            await unit.jobs.complete(work.job)
            if not await unit.chunks.complete(
                chunk, row, asdict(scores.summary), anomalies, _missing(samples)
            ):
                raise LeaseLost(str(analysis.id))
            scoring = await unit.analyses.count_scored(analysis.id)
            await self._publish_progress(unit, work, scoring)
            if scoring.done:
                await unit.jobs.enqueue([work.next_job(self._new_id(), Kind.JOIN)])
            elif model.state_needs_placement:
                following = chunk.process_order + 1
                await unit.chunks.set_state(analysis.id, following, scores.state.as_dict())
                await unit.jobs.enqueue([work.next_job(self._new_id(), Kind.CHUNK, process_order=following)])

    async def _publish_progress(self, unit: Unit, work: Work, scoring: ScoringState) -> None:
        """Publish the progress at each step. While the files are being read, the reader does so."""
        if not scoring.chunks:
            return
        before, now = (
            PROGRESS_STEPS * scored // scoring.chunks for scored in (scoring.scored - 1, scoring.scored)
        )
        if now > before:
            share = READ_SHARE + (SCORED_SHARE - READ_SHARE) * scoring.scored / scoring.chunks
            await publish_progress(unit, work.analysis, Stage.SCORING, share)

    async def _samples(self, work: Work, chunk: UnscoredChunk) -> Samples:
        async with self._units(work.scope) as unit:
            rows = await unit.results.feature_rows(work.analysis.file_upload_id, chunk.first_sample)
        if rows is None or len(rows.features) != chunk.samples:
            raise LookupError(
                f"the samples of chunk {chunk.process_order} of analysis {work.analysis.id} are missing"
            )
        return Samples(rows.features, orjson.loads(rows.metadata or "[]"))


def _scored(
    model: BaselineModel, samples: Samples, state: SequenceState | None, first: int
) -> tuple[Scores, list[Mapping[str, Any]]]:
    """Return the scores, and the anomalies with their explanations, as stored until the end of the run."""
    features = samples.judged
    scores = model.score(features, state, first_row=first)
    anomalous = np.flatnonzero(scores.anomaly).tolist()
    explanations = _explained(model, features, state, scores, anomalous) if anomalous else []
    return scores, [
        {
            "sample_index": first + row,
            "severity": str(scores.severity[row]),
            "distance": float(scores.distance[row]),
            "threshold": scores.threshold,
            "ratio": float(scores.ratio[row]),
            "x": float(scores.x[row]),
            "y": float(scores.y[row]),
            "features": explanation.as_dict(),
            "metadata": samples.metadata[row] if row < len(samples.metadata) else {},
        }
        for row, explanation in zip(anomalous, explanations, strict=True)
    ]


def _missing(samples: Samples) -> list[float]:
    """Return the share of missing features of each sample; nothing if nothing is missing."""
    missing = np.isnan(samples.features)
    return missing.mean(axis=1).tolist() if missing.any() else []


def _explained(
    model: BaselineModel,
    features: NDArray[np.float64],
    state: SequenceState | None,
    scores: Scores,
    anomalous: list[int],
) -> list[Explanation]:
    averages = model.averages(features, state)
    return model.explain(
        features[anomalous],
        causes=scores.cause[anomalous].tolist(),
        averages=averages[anomalous] if averages is not None else None,
        state=scores.state,
    )


def _row(
    analysis: Analysis, chunk: UnscoredChunk, scores: Scores, samples: Samples, row_id: UUID
) -> MonitorRow:
    if analysis.dinsight_id is None:
        raise LookupError(f"analysis {analysis.id} has no map to place samples on")
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
        # It must be the same in every attempt, since a hypertable's unique keys include this time.
        created_at=analysis.created_at,
    )
