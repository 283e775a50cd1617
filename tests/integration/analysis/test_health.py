"""The health that runs store: a machine's runs end one after the other, and each knows of those before it."""

import asyncio

import pytest

from services.analysis.domain import Analysis, Status
from services.analysis.health.service import HealthService
from services.analysis.jobs.domain import Kind
from shared.access import Scope
from tests.integration.analysis.client import csv, samples
from tests.integration.analysis.workplace import EXPIRED, Workplace

SAMPLES = 40
# More than chance explains beside the baseline's 60 samples, but not beyond doubt.
SUSPICIOUS = '{"anomaly_count": 4, "causes": {}}'


async def scored(place: Workplace, baseline: Analysis, seed: int) -> Analysis:
    """A suspicious run that only has to be joined."""
    run = await place.monitored(baseline, csv(samples(SAMPLES, seed=seed)))
    await place.do(run, Kind.ANALYSIS, Kind.CHUNK)
    await place.admin.execute(
        "UPDATE analysis.monitor_chunks SET summary = summary || $2::jsonb WHERE analysis_id = $1",
        run.id,
        SUSPICIOUS,
    )
    return run


@pytest.fixture
async def baseline(place: Workplace) -> Analysis:
    """A baseline of 60 independent samples without a false alarm, as its report says."""
    analysis = await place.uploaded()
    await place.do(analysis)
    await place.admin.execute(
        "UPDATE analysis.analyses SET results = jsonb_set(results, '{readiness}', results -> 'readiness'"
        """ || '{"effective_samples": 60, "expected_false_alarms": 0}') WHERE id = $1""",
        analysis.id,
    )
    return await place.now(analysis)


async def test_runs_that_end_at_the_same_time_know_of_each_other(
    place: Workplace, baseline: Analysis
) -> None:
    runs = [await scored(place, baseline, seed) for seed in (2, 3)]
    await asyncio.gather(*(place.do(run, Kind.JOIN) for run in runs))
    ended = [await place.now(run) for run in runs]
    assert {run.status for run in ended} == {Status.COMPLETED}
    found = [(run.results or {})["health"] for run in ended]
    assert sorted(health["state"] for health in found) == ["deteriorating", "ok"]
    unsure = next(health for health in found if health["state"] == "ok")
    codes = [finding["code"] for finding in unsure["findings"]]
    assert codes[0] == "anomalies_at_limit"
    assert "rise_unconfirmed" in codes
    # Whoever asks gets the same, and so does the overview.
    async with place.units(Scope(organization_id=baseline.organization_id)) as unit:
        machine = await unit.machines.get(baseline.machine_id)
        assert machine is not None
        assert (await HealthService().health(unit, machine)).state == "deteriorating"
    state = await place.admin.fetchval(
        "SELECT state FROM analysis.machine_states WHERE machine_id = $1", baseline.machine_id
    )
    assert state == "deteriorating"


async def test_a_run_that_is_joined_again_counts_once(place: Workplace, baseline: Analysis) -> None:
    """Its worker died before it was stored, and another one joins it from the beginning."""
    run = await scored(place, baseline, seed=4)
    await place.claim(run, Kind.JOIN, EXPIRED)
    await place.do(run, Kind.JOIN)
    results = (await place.now(run)).results or {}
    assert results["health"]["state"] == "ok", "it does not confirm itself"
    assert results["wear_trend"] == {"slope_per_day": 0.0, "significant": False, "runs": 1}
