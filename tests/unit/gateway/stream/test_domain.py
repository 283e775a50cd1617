"""The window of recent events."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from services.gateway.stream.domain import EventFilter, Overrun, StreamEvent, Window, in_order

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ORGANIZATION = uuid4()


def event(
    seconds: float = 0, *, type: str = "alert.raised", machine_id: UUID | None = None, id: UUID | None = None
) -> StreamEvent:
    """An event that many seconds after NOW."""
    time = NOW + timedelta(seconds=seconds)
    return StreamEvent(id or uuid4(), type, time, ORGANIZATION, machine_id or uuid4(), "{}")


def window(capacity: int = 3) -> Window:
    return Window(capacity=capacity, max_age=timedelta(minutes=15))


def test_events_are_kept_in_order_of_arrival() -> None:
    kept, events = window(), [event(), event(), event()]
    assert all(kept.add(each, NOW) for each in events)
    assert kept.since(0) == events
    assert kept.since(2) == events[2:]
    assert kept.since(3) == []


def test_a_redelivered_event_is_dropped_even_after_it_left_the_window() -> None:
    kept, first = window(), event()
    kept.add(first, NOW)
    for _ in range(5):
        kept.add(event(), NOW)
    assert not kept.add(first, NOW)


def test_an_event_older_than_the_window_is_dropped() -> None:
    kept = window()
    assert not kept.add(event(-901), NOW)
    assert kept.add(event(-899), NOW)


def test_old_events_expire() -> None:
    kept = window()
    kept.add(event(), NOW)
    kept.expire(NOW + timedelta(seconds=901))
    assert (kept.newest, kept.begin, kept.end) == (None, 1, 1)


def test_a_client_behind_the_window_gets_a_reset() -> None:
    kept = window()
    for _ in range(4):
        kept.add(event(), NOW)
    with pytest.raises(Overrun):
        kept.since(0)
    assert len(kept.since(1)) == 3


def test_resuming_returns_later_events() -> None:
    kept, events = window(), [event(0), event(10), event(20)]
    for each in events:
        kept.add(each, NOW)
    assert kept.resume(events[0].id) == events[1:]
    assert kept.resume(events[2].id) == []
    assert kept.resume(uuid4()) is None


def test_resuming_repeats_events_just_before() -> None:
    """Another gateway may have received the two events in the opposite order."""
    kept, events = window(), [event(0), event(9.5), event(10)]
    for each in events:
        kept.add(each, NOW)
    assert kept.resume(events[2].id) == [events[1]]


def test_an_expired_event_cannot_be_resumed_from() -> None:
    kept, first = window(), event()
    kept.add(first, NOW)
    for _ in range(3):
        kept.add(event(), NOW)
    assert kept.resume(first.id) is None


def test_events_are_filtered_by_type_and_machine() -> None:
    machine = uuid4()
    mine = event(machine_id=machine)
    assert mine in EventFilter()
    assert mine in EventFilter(frozenset({"alert.raised"}), machine)
    assert mine not in EventFilter(frozenset({"alert.changed"}))
    assert mine not in EventFilter(machine_id=uuid4())


def test_past_events_are_sorted_by_time() -> None:
    late, early = event(2), event(1)
    assert in_order([late, early]) == [early, late]
