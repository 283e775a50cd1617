"""Fractions of a second, and counts of milliseconds that only look like them."""

import pyarrow as pa
import pytest

from services.analysis.engine.times.formats import NOT_A_TIME, SECOND, TimeFormat

CLOCK = TimeFormat("%Y-%m-%d %H:%M:%S")
MIDNIGHT = TimeFormat("%Y-%m-%d").parse(pa.array(["2024-03-21"])).local[0]


def micros(cell: str) -> int | None:
    local = int(CLOCK.parse(pa.array([cell])).local[0])
    return None if local == NOT_A_TIME else local - int(MIDNIGHT)


@pytest.mark.parametrize(
    ("fraction", "expected"), [(".5", 500_000), (",25", 250_000), (":007", 7_000), (".123456", 123_456)]
)
def test_a_fraction_is_read(fraction: str, expected: int) -> None:
    assert micros(f"2024-03-21 00:00:01{fraction}") == SECOND + expected


@pytest.mark.parametrize("count", [":5", ":15"])
def test_a_count_after_a_colon_that_may_be_milliseconds_is_no_time(count: str) -> None:
    assert micros(f"2024-03-21 00:00:01{count}") is None
