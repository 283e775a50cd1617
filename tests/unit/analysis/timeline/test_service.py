"""The range of a timeline, and what its buckets are read from."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.analysis.database.unit import Unit
from services.analysis.errors import BadRange
from services.analysis.timeline.domain import Timeline
from services.analysis.timeline.service import MAX_ENTRIES, MAX_RUNS_JOINED, TimelineService
from shared.access import Scope
from tests.support.fakes import FakeClock
from tests.unit.analysis.database.fakes import FakeUnits
from tests.unit.analysis.database.fakes.fleet import FakeFleet

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


async def asked(
    fleet: FakeFleet, since: datetime | None, until: datetime | None, points: int = 1000
) -> Timeline:
    async with FakeUnits()(Scope(organization_id=uuid4())) as unit:
        with_fleet: Unit = replace(unit, fleet=fleet)
        return await TimelineService(FakeClock(NOW)).timeline(with_fleet, uuid4(), since, until, points)


async def test_the_default_range_ends_after_the_newest_sample() -> None:
    newest = NOW - 400 * DAY
    found = await asked(FakeFleet(newest), None, None)
    assert (found.since, found.until) == (found.until - 30 * DAY, newest + timedelta(microseconds=1))
    assert (await asked(FakeFleet(), None, None)).until == NOW
    since = NOW - DAY
    assert (await asked(FakeFleet(newest), since, None)).until == since + 30 * DAY
    assert (await asked(FakeFleet(NOW), since, None)).since == since


@pytest.mark.parametrize(("since", "until"), [(NOW, NOW), (NOW, NOW - DAY), (NOW - 4000 * DAY, NOW)])
async def test_impossible_ranges_are_refused(since: datetime, until: datetime) -> None:
    with pytest.raises(BadRange):
        await asked(FakeFleet(), since, until)


async def test_short_ranges_read_runs_and_long_ones_hours() -> None:
    fleet = FakeFleet()
    found = await asked(fleet, NOW - HOUR, NOW)
    assert fleet.asked == (NOW - HOUR, NOW, 3600 * timedelta(milliseconds=1), False)
    assert found.bucket == timedelta(seconds=3.6)
    found = await asked(fleet, NOW - 730 * DAY, NOW)
    whole = NOW.replace(minute=0)
    assert fleet.asked == (whole - 730 * DAY, NOW, 18 * HOUR, True)
    assert found.since == NOW - 730 * DAY


async def test_many_runs_are_read_as_hours() -> None:
    fleet = FakeFleet(counted=MAX_RUNS_JOINED)
    await asked(fleet, NOW - DAY, NOW)
    assert fleet.asked is not None
    assert fleet.asked[3] is False
    fleet.counted += 1
    await asked(fleet, NOW - DAY, NOW)
    assert fleet.asked == (NOW.replace(minute=0) - DAY, NOW, HOUR, True)


@given(seconds=st.integers(1, 3660 * 86400), points=st.integers(10, 5000), dense=st.booleans())
async def test_there_are_never_more_buckets_than_points(seconds: int, points: int, dense: bool) -> None:
    fleet = FakeFleet(counted=MAX_RUNS_JOINED + 1 if dense else 0)
    await asked(fleet, NOW - timedelta(seconds=seconds), NOW, points)
    assert fleet.asked is not None
    first, until, width, _ = fleet.asked
    assert -(-(until - first) // width) <= points


async def test_what_is_left_out_is_said() -> None:
    assert (await asked(FakeFleet(entries=MAX_ENTRIES), NOW - DAY, NOW)).truncated == []
    found = await asked(FakeFleet(entries=MAX_ENTRIES + 1), NOW - DAY, NOW)
    assert (found.truncated, len(found.marks)) == (["marks"], MAX_ENTRIES)
