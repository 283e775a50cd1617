"""The ends of an analysis: each is one transaction, and only the holder of the lease can make it."""

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import structlog

from services.analysis.domain import Analysis, Anomaly, Stage, Status, sample_time
from services.analysis.models import ModelStore
from services.analysis.pulse import LeaseLost, Pulse
from services.analysis.repository import PostgresUnits, Unit
from services.analysis.repository_work import MapRow, MonitorRow
from services.analysis.stages import SCORED_SHARE, Fitted, Monitored, ScoredChunk, Stopwatch, Work
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
        async with self._units(_scope(analysis)) as unit:
            await _hold(unit, work)
            await unit.work.add_map(row)
            await self._complete(unit, work, results, row.id, fitted.features, fitted.samples)

    async def complete_monitoring(
        self, work: Work, pulse: Pulse, watch: Stopwatch, monitored: Monitored
    ) -> None:
        """Keep points and anomalies, and end well."""
        pulse.report(Stage.STORING, SCORED_SHARE)
        dinsight_id = work.analysis.dinsight_id
        if dinsight_id is None:
            raise LookupError(f"analysis {work.analysis.id} has no map to be placed on")
        rows, anomalies, ratios = await asyncio.to_thread(self._rows, work, monitored, dinsight_id)
        # The transaction cannot record how long it takes itself; the span does.
        with watch.stage(Stage.STORING):
            async with self._units(_scope(work.analysis)) as unit:
                await _hold(unit, work)
                await unit.work.add_monitor(rows)
                await unit.work.add_anomalies(anomalies)
                results = monitored.results | {"timings": watch.timings}
                await self._complete(unit, work, results, dinsight_id, monitored.features, monitored.samples)
                await unit.outbox.add_all(
                    ANOMALY_DETECTED,
                    [(each.machine_id, _detected(each, ratios[each.id])) for each in anomalies],
                    organization_id=work.analysis.organization_id,
                )

    async def refuse(self, work: Work, error: Mapping[str, Any]) -> None:
        """The file is at fault: nothing of it stays but the reason."""
        await self.fail(work, error, discard=True)

    async def fail(self, work: Work, error: Mapping[str, Any], *, discard: bool = False) -> None:
        """End badly. The file stays, unless it is at fault itself (`discard`)."""
        analysis, now = work.analysis, self._clock.now()
        async with self._units(_scope(analysis)) as unit:
            if not await unit.work.fail(analysis.id, work.token, error=error, now=now):
                logger.warning("lease lost before the analysis could be failed")
                return
            await unit.work.delete_features(work.upload.id)
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
        async with self._units(_scope(analysis)) as unit:
            if await unit.work.release(analysis.id, work.token, counted=counted):
                await unit.outbox.add(
                    UPLOAD_RECEIVED,
                    analysis.id,
                    attempt_event(analysis),
                    organization_id=analysis.organization_id,
                )

    async def _complete(
        self,
        unit: Unit,
        work: Work,
        results: Mapping[str, Any],
        dinsight_id: UUID,
        features: tuple[str, ...],
        samples: int,
    ) -> None:
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

    def _rows(
        self, work: Work, monitored: Monitored, dinsight_id: UUID
    ) -> tuple[list[MonitorRow], list[Anomaly], dict[UUID, float]]:
        rows: list[MonitorRow] = []
        anomalies: list[Anomaly] = []
        ratios: dict[UUID, float] = {}
        for order, chunk in enumerate(monitored.chunks):
            rows.append(self._monitor_row(work, dinsight_id, order, chunk))
            for place, explanation in chunk.explanations.items():
                anomaly = self._anomaly(work, chunk, place, explanation, monitored.threshold)
                anomalies.append(anomaly)
                ratios[anomaly.id] = float(chunk.scores.ratio[place])
        return rows, anomalies, ratios

    def _monitor_row(self, work: Work, dinsight_id: UUID, order: int, chunk: ScoredChunk) -> MonitorRow:
        scores = chunk.scores
        return MonitorRow(
            id=self._new_id(),
            organization_id=work.analysis.organization_id,
            dinsight_id=dinsight_id,
            analysis_id=work.analysis.id,
            process_order=order,
            first_sample=chunk.first,
            samples=scores.x.size,
            monitor_values=scores.distance.tolist(),
            x_values=scores.x.tolist(),
            y_values=scores.y.tolist(),
            misfit_values=scores.misfit.tolist(),
            anomaly_values=scores.anomaly.tolist(),
            metadata=list(chunk.metadata),
            # The same in every attempt: on a hypertable the uniqueness of chunks includes this time.
            created_at=work.analysis.created_at,
        )

    def _anomaly(
        self, work: Work, chunk: ScoredChunk, place: int, explanation: Mapping[str, Any], threshold: float
    ) -> Anomaly:
        scores, index = chunk.scores, chunk.first + place
        metadata = chunk.metadata[place] if place < len(chunk.metadata) else {}
        return Anomaly(
            id=self._new_id(),
            organization_id=work.analysis.organization_id,
            analysis_id=work.analysis.id,
            machine_id=work.analysis.machine_id,
            timestamp=sample_time(metadata, index, work.upload.created_at),
            severity=str(scores.severity[place]),
            distance=float(scores.distance[place]),
            threshold=threshold,
            features=explanation,
            metadata=metadata,
            acknowledged=False,
            acknowledged_by=None,
            acknowledged_at=None,
            created_at=self._clock.now(),
            sample_index=index,
            x=float(scores.x[place]),
            y=float(scores.y[place]),
        )


async def _hold(unit: Unit, work: Work) -> None:
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


def _scope(analysis: Analysis) -> Scope:
    return Scope(organization_id=analysis.organization_id)


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
