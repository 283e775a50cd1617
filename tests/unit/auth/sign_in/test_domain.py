"""How guessing is slowed down."""

from services.auth.sign_in.domain import FREE_FAILURES, MAX_WAIT, wait_after


def test_the_wait_starts_after_some_failures_doubles_and_is_bounded() -> None:
    waits = [wait_after(failures).total_seconds() for failures in range(FREE_FAILURES - 1, FREE_FAILURES + 4)]
    assert waits == [0, 1, 2, 4, 8]
    assert wait_after(50) == wait_after(10**6) == MAX_WAIT
