"""Facts of sensors are the same for any chunks, and say what is wrong with a sensor."""

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.analysis.engine.quality.report import sensor_report
from services.analysis.engine.quality.sensors import SensorCounts, SensorFacts, effective_samples

Floats = NDArray[np.float64]
N = 1000


def counted(x: Floats, chunk: int = 128) -> list[SensorFacts]:
    counts = SensorCounts(x.shape[1])
    for first in range(0, len(x), chunk):
        counts.add(x[first : first + chunk])
    return counts.facts()


def column(values: Any) -> Floats:
    return np.asarray(values, dtype=np.float64).reshape(-1, 1)


def longest_run(values: Floats) -> int:
    best = run = 0
    last = np.nan
    for value in values:
        run = 0 if np.isnan(value) else run + 1 if value == last else 1
        last, best = value, max(best, run)
    return best


@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(1, 6), st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_counts_are_those_of_the_whole_whatever_the_chunks(seed: int, chunk: int, d: int, n: int) -> None:
    random = np.random.default_rng(seed)
    x: Floats = random.integers(-2, 3, (n, d)).astype(np.float64) / 2
    x[random.random((n, d)) < 0.2] = np.nan
    for place, facts in enumerate(counted(x, chunk)):
        values = x[:, place]
        present = values[~np.isnan(values)]
        assert (facts.present, facts.missing) == (len(present), n - len(present))
        assert facts.longest_run == longest_run(values)
        if not len(present):
            continue
        assert (facts.low, facts.high) == (present.min(), present.max())
        assert facts.mean == pytest.approx(present.mean(), abs=1e-12)
        if len(present) > 1:
            assert facts.deviation == pytest.approx(present.std(ddof=1), abs=1e-12)
        assert facts.at_high == pytest.approx(float(np.mean(present == present.max())))
        assert facts.at_low == pytest.approx(float(np.mean(present == present.min())))


def remarks(x: Floats, baseline: Floats | None = None) -> list[str]:
    before: dict[str, Any] = {}
    if baseline is not None:
        [entry] = sensor_report(["t"], counted(baseline), words={}, baseline={}, roles={})
        before = {"t": entry}
    [entry] = sensor_report(["t"], counted(x), words={}, baseline=before, roles={})
    return [each["code"] for each in entry["remarks"]]


NOISE = column(np.random.default_rng(1).normal(20, 1, N))


def with_rows(rows: slice, value: float) -> Floats:
    x = NOISE.copy()
    x[rows] = value
    return x


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (NOISE, []),
        (column(np.full(N, np.nan)), ["sensor_dead"]),
        (with_rows(slice(100, 130), np.nan), ["sensor_missing"]),
        (column(np.full(N, 5.0)), ["sensor_constant"]),
        (with_rows(slice(100, 200), 20.5), ["sensor_stuck"]),
        (np.round(NOISE / 2) * 2, ["sensor_coarse"]),
        (np.clip(NOISE, None, 21), ["sensor_saturated"]),
        (
            column(np.cumsum(np.random.default_rng(2).random(N))),
            ["sensor_monotonic", "sensor_few_effective_samples"],
        ),
        (
            column(np.cumsum(np.random.default_rng(3).normal(size=N)) * 0.01),
            ["sensor_few_effective_samples"],
        ),
        (with_rows(slice(500, 501), 500.0), ["sensor_jumps"]),
    ],
)
def test_what_is_remarkable_is_said(x: Floats, expected: list[str]) -> None:
    found = remarks(x, NOISE)
    assert [each for each in found if each != "sensor_coarser"] == expected


def test_a_coarser_file_than_the_baselines_is_said() -> None:
    assert "sensor_coarser" in remarks(np.round(NOISE, 1), np.round(NOISE, 4))
    assert "sensor_coarser" not in remarks(np.round(NOISE, 4), np.round(NOISE, 4))


def test_effective_samples_are_those_of_a_known_process() -> None:
    """AR(1) with coefficient a: n (1 - a) / (1 + a)."""
    random = np.random.default_rng(5)
    for a in (0.0, 0.5, 0.9):
        noise, x = random.normal(size=4000), np.zeros(4000)
        for place in range(1, 4000):
            x[place] = a * x[place - 1] + noise[place]
        found = effective_samples(x, 4000)
        assert found == pytest.approx(4000 * (1 - a) / (1 + a), rel=0.35)


def test_memory_does_not_grow_with_the_file() -> None:
    counts = SensorCounts(8)
    chunk = np.random.default_rng(0).normal(size=(512, 8))
    for _ in range(20):
        counts.add(chunk)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(200):
        counts.add(chunk)
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert after - before < 512 * 8 * 8 * 20
