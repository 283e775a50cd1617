"""Completes a monitoring run: joins its scored chunks once, in order, in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.analysis.anomalies.domain import Anomaly, anomaly_id, sample_time
from services.analysis.configs.domain import engine_config, settings_results
from services.analysis.database.chunks import ScoredSummary
from services.analysis.database.unit import Unit, Units
from services.analysis.domain import Analysis
from services.analysis.engine import BaselineModel, ScoreSummary, held_out, judged_by, latest_wear, promise
from services.analysis.health.assessment import assess, runs_in_order
from services.analysis.health.domain import LeadingFeatures, regimes_of
from services.analysis.jobs.blocks import block_of, run_of
from services.analysis.jobs.domain import SCORED_SHARE, Stage
from services.analysis.jobs.drift import drift_results
from services.analysis.jobs.finalize import Finalizer
from services.analysis.jobs.progress import Stopwatch, publish_progress
from services.analysis.jobs.summarize import ScoredSamples, Summarizer
from services.analysis.jobs.work import Work, continued, scope_of
from services.analysis.objects.models import ModelStore
from services.analysis.quality.domain import time_column, told
from shared.clock import Clock, IdGenerator
from shared.events.analysis import ANOMALY_DETECTED, SAMPLES_SCORED, AnomalyDetected, ScoredRun
from shared.jobs.queue import Job, Lease, LeaseLost
from shared.months import month_of
from shared.postgres.partitions import Partitions

Floats = NDArray[np.float64]


class Joiner:
    """Runs the job of kind `join`, which is enqueued once the last chunk of a run is scored."""

    def __init__(
        self,
        units: Units,
        partitions: Partitions,
        models: ModelStore,
        finalizer: Finalizer,
        clock: Clock,
        new_id: IdGenerator,
    ) -> None:
        self._units = units
        self._partitions = partitions
        self._models = models
        self._finalizer = finalizer
        self._clock = clock
        self._new_id = new_id
        self._summarizer = Summarizer(units)

    async def run(self, job: Job, lease: Lease) -> None:
        """Publish the anomalies, store the results and complete the run."""
        async with self._units(scope_of(job)) as unit:
            work = await continued(unit, job, lease)
            if work is None:
                return
            if await unit.analyses.lock(work.analysis.id) is None:
                raise LeaseLost(str(work.analysis.id))
            await unit.jobs.hold(job)
            await publish_progress(unit, work.analysis, Stage.STORING, SCORED_SHARE)
            scoring = await unit.analyses.scoring(work.analysis.id)
            # Every chunk is scored, so these no longer change.
            summaries = await unit.chunks.summaries(work.analysis.id)
            positions, distances = await unit.chunks.placed(work.analysis.id)
            baseline = (
                await unit.analyses.get(work.analysis.baseline_id) if work.analysis.baseline_id else None
            )
            quality = await unit.qualities.get(work.analysis.id)
            severities: dict[int, str] = {}
            leading = LeadingFeatures()
            for chunk in summaries:
                if chunk.has_anomalies:
                    for found in await unit.chunks.anomalies(work.analysis.id, chunk.process_order):
                        severities[found["sample_index"]] = found["severity"]
                        leading.add(found["features"])
        analysis = work.analysis
        if work.model_key is None or analysis.dinsight_id is None or work.upload.features is None:
            raise LookupError(f"analysis {analysis.id} has no map to place samples on")
        watch = Stopwatch(analysis.analysis_type, dict(scoring.timings))
        if scoring.read_at is not None:
            watch.record(Stage.SCORING, (self._clock.now() - scoring.read_at).total_seconds())
        config = engine_config(work.config)
        learnt = await self._models.load(work.model_key)
        model = judged_by(learnt, config)
        await work.lease.turn()
        # The results cannot include the duration of the transaction that stores them, but the span does.
        with watch.stage(Stage.STORING):
            results = await work.lease.compute(_results, model, baseline, summaries, positions, distances)
            results |= {
                "leading_features": leading.leading(),
                "settings": settings_results(learnt, work.config),
            }
            column = time_column(quality)
            await self._make_partitions(work, summaries, column)
            scored = await self._summarizer.read(analysis, work.upload.created_at, work.lease)
            summary = await self._summarizer.summarize(
                analysis.id, scored, model.threshold, severities, held_out(model), work.lease
            )
            run = summary.levels if summary is not None else None
            drift = await drift_results(self._units, work.lease, analysis, model, run, len(positions))
            results |= {"drift": drift}
            async with self._units(work.scope) as unit:
                last_at = summary.last_at if summary is not None else None
                results |= await self._assessed(unit, replace(analysis, results=results), last_at)
                await self._finalizer.complete(
                    unit,
                    work,
                    results | {"timings": watch.timings, "reading": told(quality)},
                    analysis.dinsight_id,
                    tuple(work.upload.features),
                    len(positions),
                )
                end = run_of(results, len(positions), self._clock.now())
                await self._publish(unit, work, summaries, scored, model.threshold, column, end)
                if summary is not None:
                    await unit.summaries.add(analysis.machine_id, summary)
                await unit.chunks.delete(analysis.id)

    async def put_back(self, job: Job, after: timedelta, *, counted: bool) -> None:
        async with self._units(scope_of(job)) as unit:
            await unit.jobs.retry(job, after, counted=counted)

    async def give_up(self, job: Job, error: Exception | None) -> None:
        await self._finalizer.give_up(job, error)

    async def _make_partitions(
        self, work: Work, summaries: Sequence[ScoredSummary], column: str | None
    ) -> None:
        """Make the partitions of the anomalies' months, which may be those of years ago."""
        first_of_months: dict[date, datetime] = {}
        async with self._units(work.scope) as unit:
            for chunk in summaries:
                if not chunk.has_anomalies:
                    continue
                for index, metadata in await unit.chunks.anomaly_metadata(
                    work.analysis.id, chunk.process_order
                ):
                    at = sample_time(metadata, index, work.upload.created_at, column).at
                    first_of_months.setdefault(month_of(at), at)
        await self._partitions.ensure("anomalies", first_of_months.values())

    async def _assessed(self, unit: Unit, ending: Analysis, last_at: datetime | None) -> dict[str, Any]:
        """Return the machine's health, now that this run belongs to its history. Raises LeaseLost."""
        if await unit.analyses.lock(ending.id) is None:
            raise LeaseLost(str(ending.id))
        # Runs that end at the same time wait for each other here, so that the second one knows of the first.
        await unit.summaries.lock(ending.machine_id)
        runs = await runs_in_order(unit, ending.machine_id, archived=True, ending=ending, last_at=last_at)
        assessment = await assess(unit, runs)
        return assessment.results() if assessment is not None else {}

    async def _publish(
        self,
        unit: Unit,
        work: Work,
        chunks: Sequence[ScoredSummary],
        scored: ScoredSamples,
        threshold: float,
        column: str | None,
        run: ScoredRun,
    ) -> None:
        """Store and publish the anomalies, and publish all samples in blocks."""
        analysis, first = work.analysis, 0
        for chunk in chunks:
            anomalies: Sequence[Anomaly] = ()
            if chunk.has_anomalies:
                anomalies = await self._store_anomalies(unit, work, chunk.process_order, column)
            times = scored.times[chunk.process_order]
            block = block_of(
                analysis,
                first,
                threshold,
                times,
                scored.distances[chunk.process_order],
                chunk.missing,
                anomalies,
                run if chunk is chunks[-1] else None,
            )
            await unit.outbox.add(
                SAMPLES_SCORED, analysis.machine_id, block, organization_id=analysis.organization_id
            )
            first += times.size

    async def _store_anomalies(
        self, unit: Unit, work: Work, process_order: int, column: str | None
    ) -> Sequence[Anomaly]:
        """Store the anomalies of a chunk, and publish them."""
        staged = await unit.chunks.anomalies(work.analysis.id, process_order)
        anomalies = [self._anomaly(work, found, column) for found in staged]
        await unit.anomalies.add_all(anomalies)
        await unit.outbox.add_all(
            ANOMALY_DETECTED,
            [
                (anomaly.machine_id, _detected(anomaly, found["ratio"]))
                for anomaly, found in zip(anomalies, staged, strict=True)
            ],
            organization_id=work.analysis.organization_id,
        )
        return anomalies

    def _anomaly(self, work: Work, found: Mapping[str, Any], column: str | None) -> Anomaly:
        time = sample_time(found["metadata"], found["sample_index"], work.upload.created_at, column)
        return Anomaly(
            id=anomaly_id(time.at, self._new_id()),
            organization_id=work.analysis.organization_id,
            analysis_id=work.analysis.id,
            machine_id=work.analysis.machine_id,
            timestamp=time.at,
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
            stated_time=time.stated,
        )


def _results(
    model: BaselineModel,
    baseline: Analysis | None,
    chunks: Sequence[ScoredSummary],
    positions: Floats,
    distances: Floats,
) -> dict[str, Any]:
    """Return the results of the run without the machine's health: counts and wear."""
    summary = ScoreSummary.merge(ScoreSummary(**chunk.summary) for chunk in chunks)
    known = baseline.results if baseline is not None else None
    regimes = regimes_of(known, model.coordinates, model.baseline_distances)
    return summary.results() | {
        "wear": latest_wear(positions, distances, regimes),
        "promised": promise(model).as_dict(),
    }


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
        scored=True,
    )
