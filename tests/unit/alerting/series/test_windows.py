"""Columns over windows, against their definition."""

import math
import statistics
from collections.abc import Callable
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.alerting.rules.program import Leaf
from services.alerting.rules.signals import Source
from services.alerting.series.domain import Block
from services.alerting.series.windows import View

RATIO = "anomaly.distance_ratio"
STEPS = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from([math.nan, 0.5, 1.0, 2.0, 3.0])), min_size=1, max_size=30
)
REDUCE: dict[str, Callable[[list[float]], float]] = {
    "min": min,
    "max": max,
    "mean": statistics.fmean,
    "median": statistics.median,
}


def block(times: list[int], ratios: list[float]) -> Block:
    values = np.array(ratios)
    return Block(
        1,
        UUID(int=1),
        Source.SAMPLES,
        10**9,
        np.array(times, dtype=np.int64),
        {RATIO: values},
        (~np.isnan(values)).astype(np.float64),
        (values > 1).astype(np.float64),
    )


def column(view: View, reduce: str | None, window: int, signal: str = RATIO) -> list[float]:
    leaf = Leaf(signal, Source.SAMPLES, "gt", 1.0, window=window, reduce=reduce)
    values: list[float] = view.column(leaf).tolist()
    return values


@given(STEPS, st.integers(0, 29), st.integers(1, 12))
def test_a_window_reduces_the_steps_in_it_also_those_of_earlier_blocks(
    steps: list[tuple[int, float]], cut: int, window: int
) -> None:
    times = np.cumsum([gap for gap, _ in steps]).tolist()
    ratios = [ratio for _, ratio in steps]
    cut = min(cut, len(steps) - 1)
    earlier = [block(times[:cut], ratios[:cut])] if cut else []
    view = View(block(times[cut:], ratios[cut:]), earlier)
    for place, end in enumerate(times[cut:]):
        inside = [r for t, r in zip(times, ratios, strict=True) if end - window < t <= end]
        judged = [ratio for ratio in inside if not math.isnan(ratio)]
        for name, function in REDUCE.items():
            expected = function(judged) if judged else math.nan
            assert column(view, name, window)[place] == pytest.approx(expected, nan_ok=True), name
        count = sum(ratio > 1 for ratio in judged)
        assert column(view, None, window, "anomaly.count")[place] == count
        share = count / len(judged) if judged else math.nan
        assert column(view, None, window, "anomaly.fraction")[place] == pytest.approx(share, nan_ok=True)


def test_rules_with_the_same_window_share_its_column() -> None:
    view = View(block([1, 2], [1.0, 2.0]))
    leaf = Leaf(RATIO, Source.SAMPLES, "gt", 1.0, window=5, reduce="max")
    assert view.column(leaf) is view.column(leaf)
