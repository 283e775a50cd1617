"""What the repositories of results, chunks, anomalies and upkeep do, wherever they store."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import orjson

from services.analysis.anomalies.domain import AnomalyFilter
from services.analysis.database.chunks import MonitorRow, NewChunk
from services.analysis.database.results import FeatureChunk
from services.analysis.database.unit import Unit, Units
from services.analysis.domain import Analysis, AnalysisType
from shared.access import Scope
from shared.http.pages import PageRequest
from tests.unit.analysis.database.examples import (
    HOUR,
    NOW,
    Organizations,
    a_summary,
    added,
    an_anomaly,
    an_hour,
    completed,
    organization,
)


class ResultSuite(Organizations):
    """Subclasses provide the fixture `units`."""

    async def test_stored_features_and_points(self, units: Units, mine: Scope, theirs: Scope) -> None:
        features = np.arange(10.0).reshape(5, 2)
        metadata: Sequence[dict[str, Any]] = [{"load": number} for number in range(5)]
        async with units(mine) as unit:
            analysis = await completed(unit, mine)
            upload = analysis.file_upload_id
            for first, stop in ((0, 3), (3, 5)):
                rows = slice(first, stop)
                chunk = FeatureChunk(
                    uuid4(), organization(mine), upload, first, first, features[rows], metadata[rows]
                )
                await unit.results.add_features(chunk.encode())
            found = await unit.results.feature_rows(upload, 4)
            assert found is not None
            assert found.first == 3
            np.testing.assert_array_equal(found.features, features[3:])
            assert await unit.results.feature_rows(upload, 5) is None
            assert [c.first for c in await unit.results.feature_metadata(upload, 0, 3)] == [0]
            assert [c.samples for c in await unit.results.feature_metadata(upload, 2, None)] == [3, 2]
            assert analysis.dinsight_id is not None
            points = await unit.results.map_points(analysis.dinsight_id, 1, None)
            assert points is not None
            assert (points.first, points.x.tolist(), points.y.tolist()) == (1, [1.0, 2.0], [4.0, 5.0])
            assert points.distance is not None
            assert (points.distance.tolist(), points.misfit) == ([0.25, 0.125], None)
        async with units(theirs) as unit:
            assert await unit.results.feature_rows(upload, 4) is None
            assert await unit.results.map_points(analysis.dinsight_id, 0, None) is None
        async with units(mine) as unit:
            await unit.results.delete(analysis.id, upload)
            assert await unit.results.feature_rows(upload, 4) is None

    async def test_a_chunk_is_scored_once(self, units: Units, mine: Scope) -> None:
        async with units(mine) as unit:
            baseline = await completed(unit, mine)
            run = await added(unit, mine, analysis_type=AnalysisType.MONITORING)
            for order in (0, 1):
                await unit.chunks.add(NewChunk(run.id, organization(mine), order, 2 * order, 2, None))
            await unit.chunks.set_state(run.id, 1, {"average": [0.5], "count": 2})
            for order, anomalies in ((1, [{"sample_index": 2}]), (0, [])):
                chunk = await unit.chunks.get(run.id, order)
                assert chunk is not None
                assert chunk.state == ({"average": [0.5], "count": 2} if order else None)
                points = self._points(run, baseline, order)
                assert await unit.chunks.complete(chunk, points, {"samples": 2}, anomalies)
                assert not await unit.chunks.complete(chunk, points, {"samples": 2}, [])
                assert await unit.chunks.get(run.id, order) is None
            summaries = await unit.chunks.summaries(run.id)
            assert [(s.process_order, s.summary, s.has_anomalies) for s in summaries] == [
                (0, {"samples": 2}, False),
                (1, {"samples": 2}, True),
            ]
            assert list(await unit.chunks.anomalies(run.id, 1)) == [{"sample_index": 2}]
            positions, distances = await unit.chunks.placed(run.id)
            assert positions.tolist() == [[0, 1], [0, 1], [1, 1], [1, 1]]
            assert distances.tolist() == [0.5] * 4
            assert [c.first for c in await unit.results.monitor_points(run.id, 2, None)] == [2]
            await unit.chunks.delete(run.id)
            assert list(await unit.chunks.summaries(run.id)) == []

    @staticmethod
    def _points(run: Analysis, baseline: Analysis, order: int) -> MonitorRow:
        assert baseline.dinsight_id is not None
        return MonitorRow(
            id=uuid4(),
            organization_id=run.organization_id,
            dinsight_id=baseline.dinsight_id,
            analysis_id=run.id,
            process_order=order,
            first_sample=2 * order,
            samples=2,
            monitor_values=[0.5, 0.5],
            x_values=[float(order)] * 2,
            y_values=[1.0, 1.0],
            misfit_values=[0.0, 0.0],
            anomaly_values=[False, bool(order)],
            metadata=[{}, {}],
            created_at=NOW,
        )

    async def test_missing_values_and_samples_that_are_not_judged_are_nan(
        self, units: Units, mine: Scope
    ) -> None:
        async with units(mine) as unit:
            run = await completed(unit, mine, analysis_type=AnalysisType.MONITORING)
            values = np.array([[1.5, np.nan], [np.nan, np.nan]])
            features = FeatureChunk(uuid4(), run.organization_id, run.file_upload_id, 0, 0, values, [{}, {}])
            await unit.results.add_features(features.encode())
            await unit.chunks.add(NewChunk(run.id, run.organization_id, 0, 0, 2, None))
            chunk = await unit.chunks.get(run.id, 0)
            assert chunk is not None
            lost = [1.0, math.nan]
            points = replace(
                self._points(run, run, 0),
                monitor_values=lost,
                x_values=lost,
                y_values=lost,
                misfit_values=lost,
            )
            assert await unit.chunks.complete(chunk, points, {}, [])
        async with units(mine) as unit:
            rows = await unit.results.feature_rows(run.file_upload_id, 0)
            assert rows is not None
            np.testing.assert_array_equal(rows.features, values)
            (found,) = await unit.results.monitor_points(run.id, 0, None)
            (scored,) = await unit.summaries.scored(run.id, -1, 9)
            for column in (found.x, found.y, found.distance, found.misfit, scored.distance):
                np.testing.assert_array_equal(column, lost)

    async def test_anomalies_are_filtered_and_paged(self, units: Units, mine: Scope, theirs: Scope) -> None:
        async with units(mine) as unit:
            run = await completed(unit, mine)
            some = [an_anomaly(run, timestamp=NOW + number * HOUR) for number in (0, 1, 1, 2)]
            other = await completed(unit, mine)
            low = an_anomaly(run, timestamp=NOW + 3 * HOUR, severity="low", machine_id=other.machine_id)
            await unit.anomalies.add_all([*some, low])
            everything = sorted([*some, low], key=lambda a: (a.timestamp, a.id), reverse=True)
            first = await unit.anomalies.list(AnomalyFilter(), PageRequest(2))
            second = await unit.anomalies.list(AnomalyFilter(), PageRequest(9, first.next_cursor))
            assert [*first.items, *second.items] == everything
            for wanted, expected in (
                (AnomalyFilter(severity="low"), [low]),
                (AnomalyFilter(machine_id=low.machine_id, analysis_id=run.id), [low]),
                (AnomalyFilter(since=NOW + 3 * HOUR), [low]),
                (AnomalyFilter(until=NOW + HOUR), [some[0]]),
                (AnomalyFilter(acknowledged=True), []),
            ):
                assert list((await unit.anomalies.list(wanted, PageRequest())).items) == expected
        async with units(theirs) as unit:
            assert list((await unit.anomalies.list(AnomalyFilter(), PageRequest())).items) == []
            assert await unit.anomalies.lock(low.id) is None

    async def test_an_acknowledgement_is_kept(self, units: Units, mine: Scope) -> None:
        user_id = uuid4()
        async with units(mine) as unit:
            anomaly = an_anomaly(await completed(unit, mine))
            await unit.anomalies.add_all([anomaly])
            assert await unit.anomalies.lock(anomaly.id) == anomaly
            await unit.anomalies.acknowledge(anomaly, user_id, NOW + HOUR)
            acknowledged = replace(
                anomaly, acknowledged=True, acknowledged_by=user_id, acknowledged_at=NOW + HOUR
            )
            assert await unit.anomalies.get(anomaly.id) == acknowledged

    async def test_daily_counts_are_those_of_summarized_runs(
        self, units: Units, mine: Scope, theirs: Scope
    ) -> None:
        async with units(mine) as unit:
            run = await completed(unit, mine)
            other = await completed(unit, mine, machine_id=run.machine_id)
            for summarized in (run, other):
                hours = [an_hour(NOW, "high", 2, 3.0), an_hour(NOW + HOUR, "high", 1, 2.0)]
                hours += [an_hour(NOW, "low", 1, 1.5), an_hour(NOW + 24 * HOUR, "high", 1, 4.0)]
                hours.append(an_hour(NOW, "normal", 50, 0.9))
                assert await unit.summaries.add(run.machine_id, a_summary(summarized, hours))
            assert not await unit.summaries.add(run.machine_id, a_summary(run, hours))
            daily = await unit.anomalies.daily(run.machine_id, None, None, 10)
            assert [(c.day.day, c.severity, c.anomalies, c.worst_ratio) for c in daily] == [
                (2, "high", 2, 4.0),
                (1, "high", 6, 3.0),
                (1, "low", 2, 1.5),
            ]
            assert len(await unit.anomalies.daily(run.machine_id, daily[0].day, None, 10)) == 1
            assert len(await unit.anomalies.daily(None, None, daily[0].day, 10)) == 2
        async with units(theirs) as unit:
            assert list(await unit.anomalies.daily(run.machine_id, None, None, 10)) == []

    async def test_completed_runs_without_a_summary_are_found(self, units: Units, mine: Scope) -> None:
        monitoring: dict[str, Any] = {"analysis_type": AnalysisType.MONITORING}
        async with units(mine) as unit:
            waiting = await added(unit, mine, **monitoring)
            run = await completed(unit, mine, **monitoring)
            baseline = await completed(unit, mine)
        assert await self._unsummarized(units, mine) == {run.id}
        async with units(mine) as unit:
            await unit.summaries.add(run.machine_id, a_summary(run, [an_hour(NOW, "normal", 1, 0.5)]))
            assert await unit.summaries.last_times([waiting.id, run.id]) == {run.id: NOW}
        assert await self._unsummarized(units, mine) & {waiting.id, run.id, baseline.id} == set()

    @staticmethod
    async def _unsummarized(units: Units, scope: Scope) -> set[UUID]:
        async with units(Scope()) as unit:
            found = await unit.summaries.unsummarized(1000)
        return {run_id for run_id, organization_id in found if organization_id == scope.organization_id}

    async def test_scored_chunks_are_read_in_pages(self, units: Units, mine: Scope) -> None:
        async with units(mine) as unit:
            run = await completed(unit, mine)
            assert run.dinsight_id is not None
            for order in range(3):
                await self._scored(unit, run, order)
            first = await unit.summaries.scored(run.id, -1, 2)
            assert [(c.process_order, c.first_sample, c.distance.tolist()) for c in first] == [
                (0, 0, [0.0, 10.0]),
                (1, 2, [1.0, 11.0]),
            ]
            (rest,) = await unit.summaries.scored(run.id, 1, 2)
            assert (rest.process_order, orjson.loads(rest.metadata or "")) == (2, [{"load": 0}, {"load": 1}])

    @staticmethod
    async def _scored(unit: Unit, run: Analysis, order: int) -> None:
        await unit.chunks.add(NewChunk(run.id, run.organization_id, order, 2 * order, 2, None))
        chunk = await unit.chunks.get(run.id, order)
        assert chunk is not None
        assert run.dinsight_id is not None
        points = MonitorRow(
            id=uuid4(),
            organization_id=run.organization_id,
            dinsight_id=run.dinsight_id,
            analysis_id=run.id,
            process_order=order,
            first_sample=2 * order,
            samples=2,
            monitor_values=[float(order), 10.0 + order],
            x_values=[0.0, 0.0],
            y_values=[0.0, 0.0],
            misfit_values=[0.0, 0.0],
            anomaly_values=[False, False],
            metadata=[{"load": 0}, {"load": 1}],
            created_at=NOW,
        )
        assert await unit.chunks.complete(chunk, points, {}, [])

    async def test_objects_wait_for_deletion_until_they_are_forgotten(
        self, units: Units, mine: Scope
    ) -> None:
        name = f"uploads/{uuid4()}/"
        async with units(mine) as unit:
            run = await completed(unit, mine)
            await unit.upkeep.discard(name)
        async with units(Scope()) as unit:
            (discarded_id,) = [found for found, text in await unit.upkeep.discarded(1000) if text == name]
            await unit.upkeep.forget_discarded(discarded_id)
            assert name not in {text for _, text in await unit.upkeep.discarded(1000)}
            key = f"models/{run.id}/1.npz"
            known = await unit.upkeep.known_objects([run.file_upload_id, uuid4()], [key, "models/other"])
        assert known == {str(run.file_upload_id), key}
