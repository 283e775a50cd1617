"""Summaries that the janitor makes, of whatever is stored of a run."""

import math
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from services.analysis.database.chunks import MonitorRow
from services.analysis.domain import Analysis, AnalysisType
from services.analysis.jobs.summarize import CHUNKS_PER_PAGE, Summarizer
from services.analysis.timeline.domain import RunSummary, microseconds
from shared.access import Scope
from tests.unit.analysis.database.examples import HOUR, NOW, an_anomaly, completed
from tests.unit.analysis.database.fakes import FakeUnits

SCOPE = Scope(organization_id=uuid4())


@pytest.fixture
def units() -> FakeUnits:
    return FakeUnits()


async def run_with(units: FakeUnits, threshold: float | None, *metadata: list[Any]) -> Analysis:
    """A completed run, with a chunk of distances 1, 2, ... per list of metadata."""
    async with units(SCOPE) as unit:
        run = await completed(unit, SCOPE, analysis_type=AnalysisType.MONITORING)
    run = replace(run, results={"threshold": threshold})
    units.memory.analyses[run.id] = run
    for order, of_chunk in enumerate(metadata):
        units.memory.points[run.id, order] = row(run, order, of_chunk)
    return run


def row(run: Analysis, order: int, metadata: list[Any]) -> MonitorRow:
    assert run.dinsight_id is not None
    return MonitorRow(
        id=uuid4(),
        organization_id=run.organization_id,
        dinsight_id=run.dinsight_id,
        analysis_id=run.id,
        process_order=order,
        first_sample=2 * order,
        samples=2,
        monitor_values=[1.0, 2.0],
        x_values=[],
        y_values=[],
        misfit_values=[],
        anomaly_values=[],
        metadata=metadata,
        created_at=NOW,
    )


async def summarized(units: FakeUnits, run: Analysis) -> RunSummary:
    assert await Summarizer(units).catch_up() == 1
    assert await Summarizer(units).catch_up() == 0
    return units.memory.summaries[run.id]


async def test_a_run_of_many_pages_is_counted_by_severity(units: FakeUnits) -> None:
    pages = CHUNKS_PER_PAGE + 1
    run = await run_with(units, 1.5, *([{"time": NOW.isoformat()}, {}] for _ in range(pages)))
    async with units(SCOPE) as unit:
        await unit.anomalies.add_all([an_anomaly(run, sample_index=1, severity="low")])
    found = await summarized(units, run)
    assert (found.samples, found.anomalies, found.max_ratio) == (2 * pages, 1, 2.0 / 1.5)
    assert (found.first_at, found.last_at) == (NOW, NOW + (2 * pages - 1) * timedelta(microseconds=1))
    assert [(count.severity, count.samples) for count in found.hours] == [
        ("low", 1),
        ("normal", 2 * pages - 1),
    ]
    assert found.series is not None
    assert found.series.anomalies.sum() == 1


async def test_samples_without_usable_metadata_get_the_time_of_the_upload(units: FakeUnits) -> None:
    """As imported runs may have it."""
    run = await run_with(units, 1.0, ["text", None], [{"time": (NOW + HOUR).isoformat()}])
    found = await summarized(units, run)
    assert found.series is not None
    step = timedelta(microseconds=1)
    assert found.series.at.tolist() == [microseconds(NOW + number * step) for number in range(4)]


async def test_a_run_without_threshold_has_no_ratios(units: FakeUnits) -> None:
    found = await summarized(units, await run_with(units, None, [{}, {}]))
    assert (found.samples, found.max_ratio, found.series, found.hours) == (2, None, None, ())


async def test_a_run_without_points_is_summarized_too(units: FakeUnits) -> None:
    found = await summarized(units, await run_with(units, 1.0))
    assert (found.samples, found.first_at, found.series) == (0, NOW, None)


async def test_samples_that_were_not_judged_are_in_no_count(units: FakeUnits) -> None:
    run = await run_with(units, 1.5, [{}, {}], [{}, {}])
    units.memory.points[run.id, 0] = replace(row(run, 0, [{}, {}]), monitor_values=[math.nan, 1.0])
    async with units(SCOPE) as unit:
        await unit.anomalies.add_all([an_anomaly(run, sample_index=3, severity="low")])
    found = await summarized(units, run)
    assert (found.samples, found.anomalies, found.max_ratio) == (4, 1, 2.0 / 1.5)
    assert {count.severity: count.samples for count in found.hours} == {"normal": 2, "low": 1}
    assert found.series is not None
    assert found.series.samples.sum() == 3
    assert np.isfinite([*found.series.low, *found.series.high, *found.series.mean]).all()


async def test_a_run_of_which_nothing_was_judged_has_no_ratios(units: FakeUnits) -> None:
    run = await run_with(units, 1.5, [{}, {}])
    units.memory.points[run.id, 0] = replace(row(run, 0, [{}, {}]), monitor_values=[math.nan] * 2)
    found = await summarized(units, run)
    assert (found.samples, found.anomalies, found.max_ratio, found.series, found.hours) == (
        2,
        0,
        None,
        None,
        (),
    )
