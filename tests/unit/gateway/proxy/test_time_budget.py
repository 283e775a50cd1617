"""The time budget of a request body."""

from services.gateway.proxy.service import TimeBudget


def test_a_slow_trickle_of_bytes_exhausts_the_budget() -> None:
    budget = TimeBudget(120, 256)
    for _ in range(12):
        budget.received(1, 10)
    assert budget.remaining < 1


def test_a_slow_line_keeps_its_budget() -> None:
    budget = TimeBudget(120, 256)
    for _ in range(10_000):
        # A packet each second.
        budget.received(1400, 1)
    assert budget.remaining == 120


def test_a_fast_start_restores_no_more_than_the_whole_budget() -> None:
    budget = TimeBudget(120, 256)
    budget.received(10**9, 0)
    assert budget.remaining == 120


def test_only_waiting_for_the_client_counts() -> None:
    budget = TimeBudget(120, 256)
    for _ in range(100):
        budget.received(1, 0)
    assert budget.remaining == 120
