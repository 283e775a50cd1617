"""Values are brought to common times as a plain loop over them would do it, whatever the chunks."""

import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.analysis.engine.errors import ConfigError, TableError
from services.analysis.engine.joining.grid import HOWS, JOINS, Grid, Raster, Series
from services.analysis.engine.times.periods import period, period_text

SECOND = 1_000_000
LIMIT = 2**26

Row = tuple[int, int, int, float]
"""Source, time in tenths of a second, column, value."""

RASTERS = (Raster(), Raster(step=SECOND), Raster(step=3 * SECOND), Raster(tolerance=SECOND // 2))
rows = st.lists(
    st.tuples(
        st.integers(0, 2), st.integers(0, 80), st.integers(0, 3), st.sampled_from([1.0, 2.0, 4.5, -3.0])
    ),
    min_size=1,
    max_size=60,
)


def expected(given_rows: list[Row], raster: Raster, how: str, join: str) -> dict[int, list[float]]:
    cells: dict[tuple[int, int], list[tuple[int, float]]] = defaultdict(list)
    sources: dict[int, set[int]] = defaultdict(set)
    for source, tenths, place, value in given_rows:
        at = tenths * SECOND // 10
        [row] = raster.times(raster.bins(np.array([at]))).tolist()
        cells[row, place].append((at, value))
        sources[row].add(source)
    everyone = max(source for source, *_ in given_rows) + 1
    table = {row: [math.nan] * 4 for row in sources if join == "outer" or len(sources[row]) == everyone}
    for (row, place), values in cells.items():
        if row in table:
            numbers = [value for _, value in values]
            last = [value for at, value in values if at == max(at for at, _ in values)][-1]
            table[row][place] = {"mean": sum(numbers) / len(numbers), "max": max(numbers), "last": last}[how]
    return dict(sorted(table.items()))


@given(rows, st.sampled_from(RASTERS), st.sampled_from(HOWS), st.sampled_from(JOINS), st.integers(1, 70))
@settings(max_examples=200, deadline=None)
def test_a_grid_is_what_a_loop_would_make(
    given_rows: list[Row], raster: Raster, how: str, join: str, chunk: int
) -> None:
    # Every source up to the highest one is there, as files of an upload are.
    given_rows = [(0, 0, 0, 1.0), *given_rows]
    sources = sorted({source for source, *_ in given_rows})
    given_rows = [(sources.index(source), *rest) for source, *rest in given_rows]  # type: ignore[misc]
    grid = Grid(raster, how, join, file="x.csv", max_bytes=LIMIT)
    added: list[Row] = []  # of values of one time, the last is the one that was added last
    for first in range(0, len(given_rows), chunk):
        part = given_rows[first : first + chunk]
        for source in sorted({row[0] for row in part}):
            mine = [row for row in part if row[0] == source]
            added += mine
            grid.add_long(
                source,
                np.array([row[1] for row in mine]) * (SECOND // 10),
                np.array([row[2] for row in mine]),
                np.array([row[3] for row in mine]),
            )
    found = [
        (int(at), row)
        for times, values in grid.chunks(4, 7)
        for at, row in zip(times, values.tolist(), strict=True)
    ]
    grid.close()
    wanted = expected(added, raster, how, join)
    assert [at for at, _ in found] == list(wanted)
    if found:
        np.testing.assert_allclose([row for _, row in found], list(wanted.values()), atol=1e-12)


def test_files_with_different_sensors_meet_in_one_row() -> None:
    grid = Grid(Raster(step=60 * SECOND), "mean", "outer", file="x.csv", max_bytes=LIMIT)
    times = np.arange(120) * SECOND
    grid.add(0, times, np.arange(240.0).reshape(120, 2), np.array([0, 1]))
    grid.add(1, times[:60] + 500_000, np.full((60, 1), 7.0), np.array([2]))
    [(at, values)] = list(grid.chunks(3, 100))
    assert at.tolist() == [0, 60 * SECOND]
    np.testing.assert_array_equal(values, [[59.0, 60.0, 7.0], [179.0, 180.0, np.nan]])
    grid.close()


def test_a_table_that_would_become_too_large_is_refused_before_it_is() -> None:
    grid = Grid(Raster(), "last", "outer", file="long.csv", max_bytes=2**20)

    def fill() -> None:
        for first in range(0, 100_000, 1000):
            times = np.arange(first, first + 1000)
            grid.add_long(0, times, times % 50, np.ones(1000))

    with pytest.raises(TableError, match="resample") as refused:
        fill()
    assert refused.value.file == "long.csv"
    grid.close()


def test_series_are_numbered_as_they_appear() -> None:
    series = Series(("b",))
    assert series.places(["a", "b", "a", "c"]).tolist() == [1, 0, 1, 2]
    assert series.names == ("b", "a", "c")


@pytest.mark.parametrize(
    ("text", "seconds"), [("PT1S", 1), ("PT0.1S", 0.1), ("PT15M", 900), ("PT1H30M", 5400)]
)
def test_periods_are_read_and_written(text: str, seconds: float) -> None:
    micros = period(text, "resample")
    assert micros == seconds * SECOND
    assert period(period_text(micros), "resample") == micros


@pytest.mark.parametrize("text", ["", "PT", "1S", "P1D", "PT0S", "PT25H", "PT-1S", "PT1.S"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="resample"):
        period(text, "resample")
