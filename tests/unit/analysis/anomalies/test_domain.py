"""When a sample was taken."""

from datetime import UTC, datetime, timedelta

import pytest

from services.analysis.anomalies.domain import moment, sample_time

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
def test_times_are_read_or_not(text: object, expected: datetime | None) -> None:
    assert moment(text) == expected


def test_a_time_column_dates_the_sample() -> None:
    metadata = {"sample": 3, " Timestamp": "2026-03-01"}
    assert sample_time(metadata, 3, UPLOADED) == datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize("metadata", [{}, {"time": 12.5}, {"time": "later"}, {"started": "2026-03-01"}])
def test_without_one_the_upload_does_and_order_is_kept(metadata: dict[str, object]) -> None:
    assert sample_time(metadata, 4, UPLOADED) == UPLOADED + timedelta(microseconds=4)
