"""Nightly work is due once a night, also when nights were missed."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.jobs.nightly import is_due, latest_night

NIGHT = datetime(2027, 1, 31, 2, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("now", "night"),
    [
        (NIGHT, NIGHT),
        (NIGHT + timedelta(hours=23), NIGHT),
        (NIGHT - SECOND, NIGHT - timedelta(days=1)),
        (NIGHT + timedelta(days=1), NIGHT + timedelta(days=1)),
    ],
)
def test_the_latest_night_is_the_last_passing_of_the_hour(now: datetime, night: datetime) -> None:
    assert latest_night(now, 2) == night


def test_work_is_due_once_after_each_night() -> None:
    assert is_due(NIGHT, None, 2)
    assert is_due(NIGHT, NIGHT - SECOND, 2)
    assert not is_due(NIGHT + timedelta(hours=5), NIGHT, 2)
    assert is_due(NIGHT + timedelta(days=3), NIGHT, 2)
