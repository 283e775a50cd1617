"""Missing cells on their way from the reader to the results, the counters and the compressed rows."""

from typing import Any

import numpy as np
import orjson

from services.analysis.domain import Analysis, Status
from services.analysis.health.service import HealthService
from services.analysis.results.service import ResultService
from shared.access import Scope
from tests.integration.analysis.client import csv, samples
from tests.integration.analysis.test_compression import compressed
from tests.integration.analysis.workplace import Workplace

SAMPLES, LOST, FAULTY = 1_100, (3, 4, 600), 700


async def scored(place: Workplace, baseline: Analysis, values: Any) -> Analysis:
    run = await place.monitored(baseline, csv(values))
    await place.do(run)
    found = await place.now(run)
    assert found.status is Status.COMPLETED, found.error
    return found


async def with_gaps(place: Workplace) -> tuple[Analysis, Analysis]:
    """A baseline of which a tenth is missing, and a run on it."""
    normal = samples(300)
    normal[np.random.default_rng(3).random(normal.shape) < 0.1] = np.nan
    baseline = await place.uploaded(table=csv(normal))
    await place.do(baseline)
    values = samples(SAMPLES, seed=2, shifted=[FAULTY])
    gaps = np.random.default_rng(4).random(values.shape) < 0.1
    gaps[FAULTY, 3] = False
    values[gaps] = np.nan
    values[list(LOST)] = np.nan
    return await place.now(baseline), await scored(place, await place.now(baseline), values)


async def test_a_run_with_gaps_is_judged_stored_and_served(place: Workplace) -> None:
    baseline, run = await with_gaps(place)
    assert baseline.results is not None
    assert run.results is not None
    results = run.results
    assert (results["samples"], results["not_judged"]) == (SAMPLES, len(LOST))
    assert results["anomaly_fraction"] == results["anomaly_count"] / (SAMPLES - len(LOST))
    assert f"{len(LOST)} of {SAMPLES} samples could not be judged" in str(results["health"]["reasons"])
    async with place.units(Scope(organization_id=run.organization_id)) as unit:
        before = await ResultService().points(unit, run.id, 0, None)
        features = orjson.loads(await ResultService().features(unit, run.file_upload_id, 0, 10, None))
        map_of_baseline = orjson.loads(await ResultService().points(unit, baseline.id, 0, None))
        machine = await unit.machines.get(run.machine_id)
        assert machine is not None
        wear = await HealthService().deterioration(unit, machine, None)
    points = orjson.loads(before)
    for name in ("x", "y", "distance", "misfit"):
        assert [index for index, value in enumerate(points[name]) if value is None] == list(LOST)
    assert not any(points["anomaly"][index] for index in LOST)
    assert points["anomaly"][FAULTY]
    assert features["values"][3] == [None] * len(features["features"])
    assert None in features["values"][0] + features["values"][1] + features["values"][2]
    lost = [value is None for value in map_of_baseline["distance"]]
    assert sum(lost) < 10
    assert [value is None for value in map_of_baseline["x"]] == lost
    assert np.isfinite(wear["wear"]).all()
    counted = "SELECT sum(samples) FROM analysis.machine_days WHERE machine_id = $1"
    assert await place.admin.fetchval(counted, run.machine_id) == SAMPLES - len(LOST)
    highest = "SELECT max(highest_distance) FROM analysis.monitor_daily_all WHERE analysis_id = $1"
    assert await place.admin.fetchval(highest, run.id) == results["max_distance"]
    await compressed(place.admin)
    async with place.units(Scope(organization_id=run.organization_id)) as unit:
        assert await ResultService().points(unit, run.id, 0, None) == before
    assert await place.admin.fetchval(highest, run.id) == results["max_distance"]


async def test_a_run_of_which_nothing_is_judged_says_so(place: Workplace) -> None:
    baseline = await place.uploaded()
    await place.do(baseline)
    run = await scored(place, await place.now(baseline), np.full_like(samples(20), np.nan))
    assert run.results is not None
    assert (run.results["not_judged"], run.results["anomaly_count"]) == (20, 0)
    assert (run.results["max_distance"], run.results["wear"]) == (None, None)
    assert run.results["health"]["state"] == "unknown"
    await compressed(place.admin)
    async with place.units(Scope(organization_id=run.organization_id)) as unit:
        points = orjson.loads(await ResultService().points(unit, run.id, 0, None))
    assert points["distance"] == [None] * 20
