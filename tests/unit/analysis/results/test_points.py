"""Points are served as parallel columns, whatever the chunks and the range."""

from typing import Any

import numpy as np
import orjson
import pytest

from services.analysis.results.domain import MetadataChunk, PointChunk
from services.analysis.results.service import _points_json


def chunk(first: int, count: int) -> PointChunk:
    x = np.arange(first, first + count, dtype=float)
    metadata = orjson.dumps([{"n": place} for place in range(first, first + count)]).decode()
    return PointChunk(first, x, -x, x * 2, x * 3, [value % 2 == 0 for value in x], metadata)


def read(chunks: list[PointChunk], start: int, stop: int | None) -> Any:
    metadata = [MetadataChunk(c.first, c.x.size, c.metadata) for c in chunks]
    return orjson.loads(_points_json(chunks, metadata, start, stop))


@pytest.mark.parametrize(
    ("start", "stop", "first", "last"),
    [(0, None, 0, 9), (2, 7, 2, 6), (0, 5, 0, 4), (5, None, 5, 9), (4, 6, 4, 5), (7, 99, 7, 9)],
)
def test_a_range_of_points(start: int, stop: int | None, first: int, last: int) -> None:
    wanted = [c for c in (chunk(0, 5), chunk(5, 5)) if c.first < (stop or 99) and c.first + 5 > start]
    found = read(wanted, start, stop)
    index = list(range(first, last + 1))
    assert found["index"] == found["x"] == index
    assert found["y"] == [-place for place in index]
    assert found["misfit"] == [place * 3 for place in index]
    assert found["anomaly"] == [place % 2 == 0 for place in index]
    assert found["metadata"] == [{"n": place} for place in index]


def test_an_empty_range_has_empty_columns() -> None:
    found = read([], 0, None)
    assert set(found) == {"index", "x", "y", "distance", "misfit", "anomaly", "metadata"}
    assert all(column == [] for column in found.values())


def test_values_that_a_map_lacks_are_null_or_false() -> None:
    x = np.arange(3.0)
    found = read([PointChunk(0, x, x, x, None, None, None)], 0, None)
    assert found["misfit"] == [None] * 3
    assert found["anomaly"] == [False] * 3
    assert found["metadata"] == [{}] * 3


def test_samples_that_were_not_judged_have_nulls() -> None:
    x = np.array([1.0, np.nan, 3.0])
    found = read([PointChunk(0, x, x, x, x, [False, False, True], None)], 0, None)
    for name in ("x", "y", "distance", "misfit"):
        assert found[name] == [1.0, None, 3.0]
    assert found["anomaly"] == [False, False, True]
