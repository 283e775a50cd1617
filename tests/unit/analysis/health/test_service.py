"""A machine's health and wear are functions of what is stored of its runs."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import permutations
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from numpy.typing import NDArray

from services.analysis.database.chunks import MonitorRow
from services.analysis.domain import Analysis, AnalysisType
from services.analysis.engine import Regime
from services.analysis.health.assessment import assess, runs_in_order
from services.analysis.health.domain import LeadingFeatures, MachineHealth
from services.analysis.health.errors import NothingMonitored
from services.analysis.health.service import HealthService
from shared.access import Scope
from tests.unit.analysis.database.examples import HOUR, NOW, a_summary, an_hour, completed
from tests.unit.analysis.database.fakes import FakeUnits

Floats = NDArray[np.float64]
REPORT: dict[str, Any] = {"expected_false_alarms": 0.0, "effective_samples": 60.0, "outliers": []}
CALM, WORN, BROKEN = (0, 0.1), (4, 2.0), (32, 9.0)
SAMPLES = 40


@dataclass
class Machine:
    """A machine with a baseline, and runs of 40 samples whose last one was taken at NOW + `hours`."""

    units: FakeUnits = field(default_factory=FakeUnits)
    scope: Scope = field(default_factory=lambda: Scope(organization_id=uuid4()))
    endings: int = 0

    async def baseline(self, results: dict[str, Any] | None = None, **changes: Any) -> Analysis:
        async with self.units(self.scope) as unit:
            found = await completed(unit, self.scope, now=NOW + self._next(), **changes)
        stored = replace(found, results={"readiness": REPORT} if results is None else results)
        self.units.memory.analyses[found.id] = stored
        return stored

    async def run(
        self, baseline: Analysis, kind: tuple[int, float], hours: int, *, uploaded: int = 1000, **results: Any
    ) -> Analysis:
        anomalies, wear = kind
        changes: dict[str, Any] = {
            "machine_id": baseline.machine_id,
            "baseline_id": baseline.id,
            "analysis_type": AnalysisType.MONITORING,
            "created_at": NOW + uploaded * HOUR,
        }
        content = {"samples": SAMPLES, "anomaly_count": anomalies, "max_distance": 3.0 + hours, "wear": wear}
        async with self.units(self.scope) as unit:
            run = await completed(unit, self.scope, now=NOW + 2000 * HOUR + self._next(), **changes)
            run = replace(run, dinsight_id=baseline.dinsight_id, results=content | results)
            self.units.memory.analyses[run.id] = run
            at = an_hour(NOW + hours * HOUR, "normal", SAMPLES, 0.5)
            await unit.summaries.add(run.machine_id, a_summary(run, [at]))
        return run

    def _next(self) -> timedelta:
        self.endings += 1
        return self.endings * timedelta(seconds=1)

    async def health(self, baseline: Analysis) -> MachineHealth:
        async with self.units(self.scope) as unit:
            machine = await unit.machines.get(baseline.machine_id)
            assert machine is not None
            return await HealthService().health(unit, machine)

    async def wear(self, baseline: Analysis, by: str | None = None) -> dict[str, Any]:
        async with self.units(self.scope) as unit:
            machine = await unit.machines.get(baseline.machine_id)
            assert machine is not None
            return await HealthService().deterioration(unit, machine, by)

    def scored(self, run: Analysis, x: Floats, distances: Floats, *, chunk: int = 1000) -> None:
        """Store points of a run at positions (x, 0), in chunks."""
        assert run.dinsight_id is not None
        for order, first in enumerate(range(0, len(x), chunk)):
            part = slice(first, first + chunk)
            size = len(x[part])
            self.units.memory.points[run.id, order] = MonitorRow(
                id=uuid4(),
                organization_id=run.organization_id,
                dinsight_id=run.dinsight_id,
                analysis_id=run.id,
                process_order=order,
                first_sample=first,
                samples=size,
                monitor_values=distances[part].tolist(),
                x_values=x[part].tolist(),
                y_values=[0.0] * size,
                misfit_values=[0.0] * size,
                anomaly_values=[False] * size,
                metadata=[{"day": (first + place) // 4} for place in range(size)],
                created_at=NOW,
            )


@pytest.fixture
def machine() -> Machine:
    return Machine()


async def test_without_runs_the_state_is_unknown(machine: Machine) -> None:
    found = await machine.health(await machine.baseline())
    assert (found.state, [finding["code"] for finding in found.findings]) == ("unknown", ["no_run"])


@pytest.mark.parametrize("order", list(permutations(range(4))))
async def test_the_order_in_which_runs_end_does_not_matter(machine: Machine, order: tuple[int, ...]) -> None:
    baseline = await machine.baseline()
    for place in order:
        await machine.run(baseline, (CALM, WORN, WORN, CALM)[place], hours=place)
    found = await machine.health(baseline)
    assert found.state == "deteriorating"
    assert found.findings[-1]["code"] == "fall_unconfirmed"
    assert [(run.results or {})["wear"] for run in found.runs] == [0.1, 2.0, 2.0, 0.1]


async def test_old_data_uploaded_late_are_not_the_machines_present(machine: Machine) -> None:
    baseline = await machine.baseline()
    for hours in (10, 11):
        await machine.run(baseline, CALM, hours)
    await machine.run(baseline, BROKEN, hours=1)
    assert (await machine.health(baseline)).state == "ok"
    await machine.run(baseline, BROKEN, hours=12)
    assert (await machine.health(baseline)).state == "failing"


async def test_no_clock_is_ahead_of_the_upload(machine: Machine) -> None:
    baseline = await machine.baseline()
    await machine.run(baseline, CALM, hours=10**6, uploaded=5)
    await machine.run(baseline, BROKEN, hours=6, uploaded=7)
    assert (await machine.health(baseline)).state == "failing"


async def test_the_same_file_twice_confirms_nothing(machine: Machine) -> None:
    baseline = await machine.baseline()
    await machine.run(baseline, CALM, hours=1)
    for _ in range(3):
        await machine.run(baseline, WORN, hours=2)
    found = await machine.health(baseline)
    assert (found.state, found.findings[-1]["code"]) == ("ok", "rise_unconfirmed")
    assert len(found.runs) == 2
    await machine.run(baseline, WORN, hours=3)
    assert (await machine.health(baseline)).state == "deteriorating"


async def test_small_runs_that_are_alike_are_several(machine: Machine) -> None:
    """A machine that sends the same value every hour is not one that sends a file again."""
    baseline = await machine.baseline()
    for hours in range(30):
        await machine.run(baseline, (1, 9.0), hours, samples=1, max_distance=7.0)
    assert (await machine.health(baseline)).state == "failing"


async def test_a_new_baseline_is_a_new_beginning(machine: Machine) -> None:
    first = await machine.baseline()
    await machine.run(first, BROKEN, hours=1)
    second = await machine.baseline(machine_id=first.machine_id)
    await machine.run(second, WORN, hours=2)
    assert (await machine.health(first)).state == "ok"


async def test_runs_of_an_earlier_version_count_by_their_results(machine: Machine) -> None:
    baseline = await machine.baseline({})
    old: dict[str, Any] = {
        "anomaly_fraction": 0.8,
        "health": {"state": "failing", "reasons": ["many anomalies"]},
    }
    await machine.run(baseline, BROKEN, hours=1, **old)
    assert (await machine.health(baseline)).state == "failing"
    run = await machine.run(baseline, CALM, hours=2)
    machine.units.memory.analyses[run.id] = replace(run, results=None)
    assert (await machine.health(baseline)).state == "failing"


async def test_a_run_that_ends_is_part_of_the_history(machine: Machine) -> None:
    baseline = await machine.baseline()
    known = await machine.run(baseline, CALM, hours=4)
    ending = replace(known, id=uuid4(), results={"samples": 7})
    async with machine.units(machine.scope) as unit:
        for hours, expected in ((3, [ending.id, known.id]), (5, [known.id, ending.id])):
            runs = await runs_in_order(
                unit, baseline.machine_id, archived=True, ending=ending, last_at=NOW + hours * HOUR
            )
            assert [each.run.id for each in runs] == expected


async def test_the_trend_of_the_runs_wear_is_per_day(machine: Machine) -> None:
    regime = Regime(50, 0.0, 0.0, 5.0, 1.0).as_dict()
    for results, expected in (({"regimes": [regime]}, 0.6), ({}, None)):
        baseline = await machine.baseline(results)
        for place in range(10):
            await machine.run(baseline, (0, 0.05 * place), hours=2 * place)
        async with machine.units(machine.scope) as unit:
            runs = await runs_in_order(unit, baseline.machine_id, archived=True)
            found = await assess(unit, runs)
        assert found is not None
        trend = found.results()["wear_trend"]
        if expected is None:
            assert trend is None, "the wear of its runs may be in another unit"
        else:
            assert trend == {"slope_per_day": pytest.approx(expected), "significant": True, "runs": 10}


def test_what_anomalies_point_to_is_the_mean_of_their_shares() -> None:
    leading = LeadingFeatures()
    assert leading.leading() == []
    for shares in ({"a": 0.5, "b": 0.5}, {"a": 0.9, "c": 0.1}, {"d": 0.3, "b": 0.1, "a": 0.1}):
        leading.add({"features": [{"name": name, "share": share} for name, share in shares.items()]})
    leading.add({})
    assert leading.leading() == [
        {"name": "a", "share": pytest.approx(0.375)},
        {"name": "b", "share": pytest.approx(0.15)},
        {"name": "d", "share": pytest.approx(0.075)},
    ]


def the_map(machine: Machine, baseline: Analysis, x: Floats, distances: Floats | None) -> None:
    assert baseline.dinsight_id is not None
    row = machine.units.memory.maps[baseline.dinsight_id]
    machine.units.memory.maps[row.id] = replace(
        row,
        x_values=x.tolist(),
        y_values=[0.0] * len(x),
        distance_values=None if distances is None else distances.tolist(),
    )


def worn_samples(count: int = 120) -> tuple[Floats, Floats]:
    """Positions in two regimes, and distances that grow in both: far more slowly than the regimes differ."""
    generator = np.random.default_rng(0)
    second = generator.random(count) < 0.5
    noise = generator.standard_normal(count) + np.linspace(0.0, 4.0, count)
    return np.where(second, 1.0, -1.0), np.where(second, 50.0 + noise, 5.0 + noise)


async def test_wear_is_told_per_regime_of_the_baseline(machine: Machine) -> None:
    regimes = [Regime(50, -1.0, 0.0, 5.0, 1.0), Regime(50, 1.0, 0.0, 50.0, 1.0)]
    baseline = await machine.baseline({"regimes": [regime.as_dict() for regime in regimes]})
    x, distances = worn_samples()
    the_map(machine, baseline, x[:50], distances[:50])
    run = await machine.run(baseline, CALM, hours=1)
    machine.scored(run, x, distances)
    found = await machine.wear(baseline)
    assert found["trend"]["significant"]
    assert found["latest"] == pytest.approx(4.0, abs=1.0)
    assert [regime["distance"] for regime in found["regimes"]] == [5.0, 50.0]
    assert sum(regime["monitored"] for regime in found["regimes"]) == 120
    assert found["forecast_scores"]["scored"] <= len(found["forecasts"])
    by_day = await machine.wear(baseline, "day")
    assert by_day["counts"] == [4] * 30
    # Chunks of another size are the same samples.
    machine.units.memory.points.clear()
    machine.scored(run, x, distances, chunk=8)
    assert await machine.wear(baseline, "day") == by_day
    # Samples that were not judged are left out.
    distances[::10] = np.nan
    machine.units.memory.points.clear()
    machine.scored(run, x, distances)
    assert len((await machine.wear(baseline))["wear"]) == 108


@pytest.mark.parametrize("known", [True, False])
async def test_baselines_of_an_earlier_version_have_one_regime(machine: Machine, known: bool) -> None:
    """They know their distances; imported ones have only their map."""
    baseline = await machine.baseline({"readiness": {"outliers": [3]}})
    normal = np.random.default_rng(1).normal(0.0, 1.0, 60)
    distances = np.abs(normal) + 2.0
    distances[2] = 1e9
    the_map(machine, baseline, normal, distances if known else None)
    growth = np.linspace(0.0, 8.0, 80)
    run = await machine.run(baseline, CALM, hours=1)
    machine.scored(run, growth, growth + 2.0)
    found = await machine.wear(baseline)
    assert len(found["regimes"]) == 1
    assert found["trend"]["significant"]
    assert found["latest"] > 6.0


async def test_wear_is_that_of_the_newest_samples(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.analysis.health.service.MAX_POINTS", 50)
    baseline = await machine.baseline()
    the_map(machine, baseline, np.arange(5.0), np.ones(5))
    runs = [await machine.run(baseline, CALM, hours) for hours in (1, 2, 3)]
    for level, run in enumerate(runs, start=1):
        machine.scored(run, np.zeros(SAMPLES), np.full(SAMPLES, 10.0 * level), chunk=10)
    found = await machine.wear(baseline)
    assert found["analysis_ids"] == [runs[1].id, runs[2].id]
    (second, last), counts = np.unique(found["wear"], return_counts=True)
    assert second < last
    assert counts.tolist() == [10, SAMPLES]
    # Of a run that is longer than the maximum, the end counts.
    monkeypatch.setattr("services.analysis.health.service.MAX_POINTS", 20)
    found = await machine.wear(baseline)
    assert (found["analysis_ids"], found["wear"]) == ([runs[2].id], [last] * 20)


async def test_wear_needs_judged_samples(machine: Machine) -> None:
    baseline = await machine.baseline()
    the_map(machine, baseline, np.arange(5.0), np.ones(5))
    run = await machine.run(baseline, CALM, hours=1)
    with pytest.raises(NothingMonitored, match="no completed monitoring run"):
        await machine.wear(baseline)
    machine.scored(run, np.zeros(3), np.full(3, np.nan))
    with pytest.raises(NothingMonitored, match="none of the 3 samples was judged"):
        await machine.wear(baseline)
