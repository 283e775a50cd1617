"""The times of samples."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.analysis.anomalies.domain import (
    SampleTime,
    anomaly_id,
    parse_time,
    sample_time,
    time_within,
)
from shared.clock import time_ordered_id

UPLOADED = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01T12:00:00Z", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("2026-03-01T12:00:00+02:00", datetime(2026, 3, 1, 10, tzinfo=UTC)),
        (" 2026-03-01 12:00:00.250 ", datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)),
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        ("0001-01-01T00:00:00+14:00", None),
        ("soon", None),
        ("", None),
        (17, None),
        (None, None),
    ],
)
def test_times_are_parsed(text: object, expected: datetime | None) -> None:
    assert parse_time(text) == expected


def test_a_time_column_sets_the_time_of_the_sample() -> None:
    metadata = {"sample": 3, " Timestamp": "2026-03-01"}
    assert sample_time(metadata, 3, UPLOADED) == SampleTime(datetime(2026, 3, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    "metadata",
    [{}, {"time": 12.5}, {"time": "NaT"}, {"time": "later"}, {"time": None}, {"started": "2026-03-01"}],
)
def test_without_a_time_column_the_upload_time_is_used_in_order(metadata: dict[str, object]) -> None:
    assert sample_time(metadata, 4, UPLOADED) == SampleTime(UPLOADED + timedelta(microseconds=4))


@pytest.mark.parametrize(
    "stated",
    [
        "0001-01-01",
        "1899-12-31T00:00:00Z",
        "1969-12-31T23:59:59.999999Z",
        "2026-06-02T00:00:01",
        "9999-12-31 23:59:59.999999",
        "9999-12-31T23:59:59-05:00",
        # Times of Parquet files in no calendar of Python's.
        "12345-01-01 00:00:00",
        "-0044-03-15 00:00:00",
        # What databases export for "none".
        "0000-00-00 00:00:00",
        "2026-02-30",
    ],
)
def test_a_time_that_cannot_be_is_told_and_the_upload_time_used(stated: str) -> None:
    expected = SampleTime(UPLOADED + timedelta(microseconds=7), stated)
    assert sample_time({"time": f" {stated} "}, 7, UPLOADED) == expected


@pytest.mark.parametrize("stated", ["1970-01-01", "2026-06-02", "2026-06-01T23:00:00-01:00"])
def test_the_first_and_the_last_time_that_can_be(stated: str) -> None:
    assert sample_time({"time": stated}, 7, UPLOADED).stated is None


def test_the_first_time_that_can_be_is_taken() -> None:
    metadata = {"date": "1899-12-31", "time": "2026-03-01"}
    assert sample_time(metadata, 7, UPLOADED) == SampleTime(datetime(2026, 3, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    "at", ["1970-01-01T00:00:00Z", "2015-03-01T12:00:00.001Z", "2026-11-25T23:59:59.999999Z"]
)
def test_an_anomalys_id_contains_its_time(at: str) -> None:
    time = datetime.fromisoformat(at)
    identifiers = {anomaly_id(time, time_ordered_id()) for _ in range(1000)}
    assert len(identifiers) == 1000
    for identifier in identifiers:
        bounds = time_within(identifier)
        assert bounds is not None
        assert bounds[0] <= time < bounds[1]
        assert bounds[1] - bounds[0] == timedelta(milliseconds=1)


@pytest.mark.parametrize(
    "other", ["6b0f6f4e-6f0e-4d0e-9c55-0d1a51647e6b", "ffffffff-ffff-7fff-bfff-ffffffffffff"]
)
def test_other_ids_contain_no_time(other: str) -> None:
    assert time_within(UUID(other)) is None
