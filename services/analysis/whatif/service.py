"""Answers what a run would have found with another threshold, without scoring anything again."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from services.analysis.archives.errors import AnalysisArchived
from services.analysis.baselines.service import load_model
from services.analysis.configs.domain import engine_config
from services.analysis.database.unit import Unit
from services.analysis.domain import Analysis, AnalysisType, Status
from services.analysis.engine import BaselineModel, alarm_intervals, judged_by, promise, with_threshold
from services.analysis.errors import AnalysisNotFound
from services.analysis.objects.models import ModelStore
from services.analysis.results.errors import NotComplete
from services.analysis.whatif.domain import MAX_INTERVALS, AgainstOutcomes, ResolvedAlert, WhatIf
from services.analysis.whatif.errors import TwoThresholds
from shared.http.turns import Turns

Floats = NDArray[np.float64]
# An answer loads a model and all distances of a run.
MAX_AT_ONCE, MAX_OF_ORGANIZATION = 2, 8


class WhatIfService:
    def __init__(self, models: ModelStore) -> None:
        self._models = models
        self.turns = Turns("what-if questions", at_once=MAX_AT_ONCE, of_organization=MAX_OF_ORGANIZATION)

    async def ask(self, unit: Unit, analysis_id: UUID, sigmas: float | None, rate: float | None) -> WhatIf:
        """Judge the stored distances by another threshold; with neither of the two, by the run's own.

        Raises TwoThresholds, AnalysisNotFound, AnalysisArchived, NotComplete, BaselineUnusable, Unavailable.
        """
        if sigmas is not None and rate is not None:
            raise TwoThresholds
        analysis = await self._completed(unit, analysis_id)
        model = await load_model(self._models, unit, analysis)
        alerts: Sequence[ResolvedAlert] = ()
        if analysis.analysis_type is AnalysisType.MONITORING:
            distances = await unit.summaries.distances(analysis_id)
            alerts = await unit.summaries.outcomes(analysis_id)
            config = await unit.configs.get(analysis.config_id or 0)
            if config is not None:
                model = judged_by(model, engine_config(config))
        else:
            points = (
                await unit.results.map_points(analysis.dinsight_id, 0, None) if analysis.dinsight_id else None
            )
            distances = [points.distance] if points is not None and points.distance is not None else []
        # It may have been archived between the two reads.
        await self._completed(unit, analysis_id)
        return await asyncio.to_thread(_answer, analysis, model, distances, alerts, sigmas, rate)

    @staticmethod
    async def _own(unit: Unit, baseline: Analysis) -> Sequence[Floats]:
        if baseline.dinsight_id is None:
            return ()
        points = await unit.results.map_points(baseline.dinsight_id, 0, None)
        return () if points is None or points.distance is None else (points.distance,)

    @staticmethod
    async def _completed(unit: Unit, analysis_id: UUID) -> Analysis:
        analysis = await unit.analyses.get(analysis_id)
        if analysis is None:
            raise AnalysisNotFound(analysis_id)
        if analysis.status is Status.ARCHIVED:
            raise AnalysisArchived(analysis_id)
        if analysis.status is not Status.COMPLETED or analysis.dinsight_id is None:
            raise NotComplete(analysis_id, analysis.status)
        return analysis


def _answer(
    analysis: Analysis,
    model: BaselineModel,
    distances: Sequence[Floats],
    alerts: Sequence[ResolvedAlert],
    sigmas: float | None,
    rate: float | None,
) -> WhatIf:
    asked = with_threshold(model, sigmas=sigmas, rate=rate)
    intervals = alarm_intervals(distances, asked.threshold)
    return WhatIf(
        analysis_id=analysis.id,
        threshold=asked.threshold,
        promised=promise(asked),
        samples=sum(part.size for part in distances),
        anomaly_count=sum(stop - start for start, stop in intervals),
        interval_count=len(intervals),
        intervals=intervals[:MAX_INTERVALS],
        against_outcomes=AgainstOutcomes.of(alerts, asked.threshold / model.threshold),
    )
