"""How long the rest of a body is waited for."""

from services.gateway.proxy.service import Patience


def test_a_drop_now_and_then_uses_the_patience_up() -> None:
    patience = Patience(120, 256)
    for _ in range(12):
        patience.came(1, 10)
    assert patience.left < 1


def test_a_slow_line_is_waited_for_without_end() -> None:
    patience = Patience(120, 256)
    for _ in range(10_000):
        # A packet each second.
        patience.came(1400, 1)
    assert patience.left == 120


def test_what_came_fast_before_buys_no_more_than_the_whole_patience() -> None:
    patience = Patience(120, 256)
    patience.came(10**9, 0)
    assert patience.left == 120


def test_time_in_which_nobody_waited_for_the_client_does_not_count() -> None:
    patience = Patience(120, 256)
    for _ in range(100):
        patience.came(1, 0)
    assert patience.left == 120
