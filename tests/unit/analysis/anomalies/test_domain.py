"""The times of samples."""

from datetime import UTC, datetime, timedelta

import pytest

from services.analysis.anomalies.domain import parse_time, sample_time

UPLOADED = datetime(2026, 1, 1, tzinfo=UTC)


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
    assert sample_time(metadata, 3, UPLOADED) == datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize("metadata", [{}, {"time": 12.5}, {"time": "later"}, {"started": "2026-03-01"}])
def test_without_a_time_column_the_upload_time_is_used_in_order(metadata: dict[str, object]) -> None:
    assert sample_time(metadata, 4, UPLOADED) == UPLOADED + timedelta(microseconds=4)
