"""The retry policy."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.jobs.retry import RetryPolicy

POLICY = RetryPolicy(5, first_delay=timedelta(seconds=1), max_delay=timedelta(seconds=60), factor=4.0)


def test_bounds_grow_and_stay_below_the_longest() -> None:
    assert [POLICY.bound(attempt).total_seconds() for attempt in range(1, 6)] == [1, 4, 16, 60, 60]


@given(attempt=st.integers(1, 10**9), jitter=st.floats(0, 1))
def test_no_delay_leaves_its_bound(attempt: int, jitter: float) -> None:
    assert timedelta() <= POLICY.delay(attempt, lambda: jitter) <= POLICY.bound(attempt) <= POLICY.max_delay


def test_the_last_attempt_is_known() -> None:
    assert [POLICY.is_last(attempt) for attempt in (1, 4, 5, 6)] == [False, False, True, True]
