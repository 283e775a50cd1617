"""The ends of an analysis: each is one transaction, and only the holder of the lease can make it."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import numpy as np
import structlog
from numpy.typing import NDArray

from services.analysis.anomalies.domain import Anomaly, sample_time
from services.analysis.database.chunks import ScoredSummary
from services.analysis.database.jobs import MapRow
from services.analysis.database.unit import PostgresUnits, Unit
from services.analysis.domain import Analysis, Status
from services.analysis.engine import BaselineModel, ScoreSummary, assess_health, deterioration
from services.analysis.jobs.domain import Stage
from services.analysis.jobs.fit import SCORED_SHARE, Fitted, Split, Stopwatch, Work
from services.analysis.jobs.progress import LeaseLost, Pulse
from services.analysis.objects.models import ModelStore
from shared.access import Scope
from shared.clock import Clock, IdGenerator
from shared.events.analysis import (
    ANALYSIS_COMPLETED,
    ANALYSIS_FAILED,
    ANOMALY_DETECTED,
    UPLOAD_RECEIVED,
    AnalysisCompleted,
    AnalysisFailed,
    AnomalyDetected,
    UploadReceived,
)

logger = structlog.get_logger(__name__)


class OutcomeWriter:
    def __init__(self, units: PostgresUnits, models: ModelStore, clock: Clock, new_id: IdGenerator) -> None:
        self._units = units
        self._models = models
        self._clock = clock
        self._new_id = new_id

    async def complete_baseline(self, work: Work, pulse: Pulse, watch: Stopwatch, fitted: Fitted) -> None:
        """Keep the model and the map, and end well."""
        pulse.report(Stage.STORING, SCORED_SHARE)
        analysis = work.analysis
        with watch.stage(Stage.STORING):
            key = self._models.key(analysis.id, work.token)
            await self._models.save(key, fitted.model)
        now = self._clock.now()
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
            created_at=now,
        )
        results = fitted.results | {"timings": watch.timings}
        async with self._units(scope_of(analysis)) as unit:
            await hold(unit, work)
            await unit.work.add_map(row)
            await self.complete(unit, work, results, row.id, fitted.features, fitted.samples)

    async def refuse(self, work: Work, error: Mapping[str, Any]) -> None:
        """The file is at fault: nothing of it stays but the reason."""
        await self.fail(work, error, discard=True)

    async def fail(self, work: Work, error: Mapping[str, Any], *, discard: bool = False) -> None:
        """End badly. The file stays, unless it is at fault itself (`discard`)."""
        analysis, now = work.analysis, self._clock.now()
        async with self._units(scope_of(analysis)) as unit:
            if not await unit.work.fail(analysis.id, work.token, error=error, now=now):
                logger.warning("lease lost before the analysis could be failed")
                return
            await unit.work.delete_results(analysis.id, work.upload.id)
            await unit.work.note_upload(work.upload.id, Status.FAILED, now, error_message=error["message"])
            if discard:
                await unit.work.discard(f"{work.upload.file_path}/")
            payload = AnalysisFailed(
                analysis_id=analysis.id,
                file_upload_id=work.upload.id,
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

    async def put_back(self, work: Work, *, counted: bool) -> None:
        """Give the work back for another try; one cut short by a shutdown is not `counted`."""
        analysis = work.analysis
        async with self._units(scope_of(analysis)) as unit:
            if await unit.work.release(analysis.id, work.token, counted=counted):
                await unit.outbox.add(
                    UPLOAD_RECEIVED,
                    analysis.id,
                    attempt_event(analysis),
                    organization_id=analysis.organization_id,
                )

    async def complete(
        self,
        unit: Unit,
        work: Work,
        results: Mapping[str, Any],
        dinsight_id: UUID,
        features: tuple[str, ...],
        samples: int,
    ) -> None:
        """The good end itself, within the transaction that keeps the results."""
        analysis, now = work.analysis, self._clock.now()
        if not await unit.work.complete(
            analysis.id, work.token, results=results, dinsight_id=dinsight_id, now=now
        ):
            raise LeaseLost(str(analysis.id))
        await unit.work.note_upload(work.upload.id, Status.COMPLETED, now, features=features, samples=samples)
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


async def hold(unit: Unit, work: Work) -> None:
    """Nothing is written for an analysis that is in other hands, or deleted."""
    if not await unit.work.hold(work.analysis.id, work.token):
        raise LeaseLost(str(work.analysis.id))


def attempt_event(analysis: Analysis) -> UploadReceived:
    """What puts an analysis before the workers again."""
    return UploadReceived(
        analysis_id=analysis.id,
        file_upload_id=analysis.file_upload_id,
        machine_id=analysis.machine_id,
        analysis_type=analysis.analysis_type.value,
        attempt=analysis.attempts + 1,
    )


def scope_of(analysis: Analysis) -> Scope:
    return Scope(organization_id=analysis.organization_id)


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
