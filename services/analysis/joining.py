"""The good end of a monitoring run: its scored chunks are joined, once and in order, in one transaction."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.analysis.domain import Anomaly, Stage, sample_time
from services.analysis.engine import BaselineModel, ScoreSummary, assess_health, deterioration
from services.analysis.outcomes import OutcomeWriter, hold, scope_of
from services.analysis.pulse import Pulse
from services.analysis.repository import PostgresUnits, Unit
from services.analysis.repository_chunks import ScoredSummary
from services.analysis.stages import SCORED_SHARE, Split, Stopwatch, Work
from shared.clock import Clock, IdGenerator
from shared.events.analysis import ANOMALY_DETECTED, AnomalyDetected

Floats = NDArray[np.float64]


class Joiner:
    def __init__(
        self, units: PostgresUnits, outcomes: OutcomeWriter, clock: Clock, new_id: IdGenerator
    ) -> None:
        self._units = units
        self._outcomes = outcomes
        self._clock = clock
        self._new_id = new_id

    async def complete_monitoring(
        self, work: Work, model: BaselineModel, pulse: Pulse, watch: Stopwatch, split: Split
    ) -> None:
        """Make the anomalies known, keep the results, and end well."""
        pulse.report(Stage.STORING, SCORED_SHARE)
        analysis = work.analysis
        if analysis.dinsight_id is None:
            raise LookupError(f"analysis {analysis.id} has no map to be placed on")
        # The transaction cannot record how long it takes itself; the span does.
        with watch.stage(Stage.STORING):
            async with self._units(scope_of(analysis)) as unit:
                summaries = await unit.chunks.summaries(analysis.id)
                places = await unit.chunks.places(analysis.id)
            # Nothing of this changes any more: every chunk is scored, and the run is ours.
            results = await asyncio.to_thread(_results, model, summaries, places)
            async with self._units(scope_of(analysis)) as unit:
                await hold(unit, work)
                results |= {"timings": watch.timings}
                await self._outcomes.complete(
                    unit, work, results, analysis.dinsight_id, split.features, split.samples
                )
                for chunk in summaries:
                    if chunk.has_anomalies:
                        await self._tell(unit, work, chunk.process_order)
                await unit.chunks.delete(analysis.id)

    async def _tell(self, unit: Unit, work: Work, process_order: int) -> None:
        """Keep the anomalies of a chunk, and publish them."""
        staged = await unit.chunks.anomalies(work.analysis.id, process_order)
        anomalies = [self._anomaly(work, found) for found in staged]
        await unit.work.add_anomalies(anomalies)
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
