"""The good end of a monitoring run: its scored chunks are joined, once and in order, in one transaction."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.analysis.anomalies.domain import Anomaly, sample_time
from services.analysis.database.chunks import ScoredSummary
from services.analysis.database.unit import PostgresUnits, Unit
from services.analysis.engine import BaselineModel, ScoreSummary, assess_health, deterioration
from services.analysis.jobs.domain import SCORED_SHARE, Stage
from services.analysis.jobs.finalize import Finalizer
from services.analysis.jobs.progress import Stopwatch, publish_progress
from services.analysis.jobs.work import Work, continued, scope_of
from services.analysis.objects.models import ModelStore
from shared.clock import Clock, IdGenerator
from shared.events.analysis import ANOMALY_DETECTED, AnomalyDetected
from shared.jobs.queue import Job, Lease

Floats = NDArray[np.float64]


class Joiner:
    """Does the job of kind `join`, which a run has once its last chunk is scored."""

    def __init__(
        self,
        units: PostgresUnits,
        models: ModelStore,
        finalizer: Finalizer,
        clock: Clock,
        new_id: IdGenerator,
    ) -> None:
        self._units = units
        self._models = models
        self._finalizer = finalizer
        self._clock = clock
        self._new_id = new_id

    async def run(self, job: Job, lease: Lease) -> None:
        """Make the anomalies known, keep the results, and end well."""
        async with self._units(scope_of(job)) as unit:
            work = await continued(unit, job, lease)
            if work is None:
                return
            await unit.jobs.hold(job)
            await publish_progress(unit, work.analysis, Stage.STORING, SCORED_SHARE)
            scoring = await unit.analyses.scoring(work.analysis.id)
            # Nothing of this changes any more: every chunk is scored.
            summaries = await unit.chunks.summaries(work.analysis.id)
            places = await unit.chunks.places(work.analysis.id)
        analysis = work.analysis
        if work.model_key is None or analysis.dinsight_id is None or work.upload.features is None:
            raise LookupError(f"analysis {analysis.id} has no map to be placed on")
        watch = Stopwatch(analysis.analysis_type, dict(scoring.timings))
        if scoring.read_at is not None:
            watch.record(Stage.SCORING, (self._clock.now() - scoring.read_at).total_seconds())
        model = await self._models.load(work.model_key)
        await work.lease.turn()
        # The transaction cannot record how long it takes itself; the span does.
        with watch.stage(Stage.STORING):
            results = await work.lease.compute(_results, model, summaries, places)
            async with self._units(work.scope) as unit:
                await self._finalizer.complete(
                    unit,
                    work,
                    results | {"timings": watch.timings},
                    analysis.dinsight_id,
                    tuple(work.upload.features),
                    len(places),
                )
                for chunk in summaries:
                    if chunk.has_anomalies:
                        await self._publish(unit, work, chunk.process_order)
                await unit.chunks.delete(analysis.id)

    async def put_back(self, job: Job, after: timedelta, *, counted: bool) -> None:
        await self._units.queue.retry(job, after, counted=counted)

    async def give_up(self, job: Job, error: Exception | None) -> None:
        await self._finalizer.give_up(job, error)

    async def _publish(self, unit: Unit, work: Work, process_order: int) -> None:
        """Keep the anomalies of a chunk, and publish them."""
        staged = await unit.chunks.anomalies(work.analysis.id, process_order)
        anomalies = [self._anomaly(work, found) for found in staged]
        await unit.analyses.add_anomalies(anomalies)
        await unit.outbox.add_all(
            ANOMALY_DETECTED,
            [
                (anomaly.machine_id, _detected(anomaly, found["ratio"]))
                for anomaly, found in zip(anomalies, staged, strict=True)
            ],
            organization_id=work.analysis.organization_id,
        )

    def _anomaly(self, work: Work, found: Mapping[str, Any]) -> Anomaly:
        return Anomaly(
            id=self._new_id(),
            organization_id=work.analysis.organization_id,
            analysis_id=work.analysis.id,
            machine_id=work.analysis.machine_id,
            timestamp=sample_time(found["metadata"], found["sample_index"], work.upload.created_at),
            severity=found["severity"],
            distance=found["distance"],
            threshold=found["threshold"],
            features=found["features"],
            metadata=found["metadata"],
            acknowledged=False,
            acknowledged_by=None,
            acknowledged_at=None,
            created_at=self._clock.now(),
            sample_index=found["sample_index"],
            x=found["x"],
            y=found["y"],
        )


def _results(model: BaselineModel, chunks: Sequence[ScoredSummary], places: Floats) -> dict[str, Any]:
    """The run's results: counts, and the machine's health from the anomalies and the wear."""
    summary = ScoreSummary.merge(ScoreSummary(**chunk.summary) for chunk in chunks)
    order = np.arange(len(places), dtype=np.float64)
    worn = deterioration(order, places, model.coordinates, failing=model.config.failing_wear)
    health = assess_health(
        summary.anomaly_fraction, worn.latest, model.config, samples=summary.samples, baseline=model.report
    )
    return summary.results(health) | {"wear": worn.latest}


def _detected(anomaly: Anomaly, ratio: float) -> AnomalyDetected:
    return AnomalyDetected(
        anomaly_id=anomaly.id,
        analysis_id=anomaly.analysis_id,
        machine_id=anomaly.machine_id,
        sample_index=anomaly.sample_index,
        timestamp=anomaly.timestamp,
        severity=anomaly.severity,
        distance=anomaly.distance,
        threshold=anomaly.threshold,
        distance_ratio=ratio,
        x=anomaly.x,
        y=anomaly.y,
        features=anomaly.features.get("features", ()),
        metadata=dict(anomaly.metadata or {}),
    )
