"""Views of machines, shifts and the fleet: always current, and of one organization."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from services.analysis.domain import AnalysisType
from services.analysis.timeline.domain import HourCount, microseconds
from shared.access import Scope
from tests.integration.analysis.workplace import Workplace
from tests.unit.analysis.database.examples import a_summary, completed

MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)


async def ran(place: Workplace, scope: Scope) -> UUID:
    """A machine with a sample in each hour of two days; the first six are anomalies."""
    hours = []
    for number in range(48):
        severity, ratio = ("high", 2.0 + number) if number < 6 else ("normal", 0.5)
        at = microseconds(MIDNIGHT + number * timedelta(hours=1))
        hours.append(HourCount(at, severity, 1, ratio, ratio, ratio))
    async with place.units(scope) as unit:
        run = await completed(unit, scope, analysis_type=AnalysisType.MONITORING)
        assert await unit.summaries.add(run.machine_id, a_summary(run, hours))
    return run.machine_id


async def rows(place: Workplace, scope: Scope, query: str, zone: str = "") -> list[tuple[Any, ...]]:
    async with place.database.transaction(scope) as connection:
        await connection.execute("SELECT set_config('app.time_zone', $1, true)", zone)
        return [tuple(row) for row in await connection.fetch(query)]


async def test_shifts_begin_in_the_time_zone_that_is_asked_for(place: Workplace) -> None:
    scope = Scope(organization_id=uuid4())
    await ran(place, scope)
    query = "SELECT day::text, shift, samples::int, anomalies::int FROM shift_summary ORDER BY day, shift"
    assert await rows(place, scope, query) == [
        ("2026-02-28", "night", 6, 6),
        ("2026-03-01", "early", 8, 0),
        ("2026-03-01", "late", 8, 0),
        ("2026-03-01", "night", 8, 0),
        ("2026-03-02", "early", 8, 0),
        ("2026-03-02", "late", 8, 0),
        ("2026-03-02", "night", 2, 0),
    ]
    # An hour earlier in Berlin's winter.
    berlin = await rows(place, scope, query, "Europe/Berlin")
    assert berlin[:2] == [("2026-02-28", "night", 5, 5), ("2026-03-01", "early", 8, 1)]
    assert sum(row[2] for row in berlin) == 48


async def test_a_machine_is_summed_up(place: Workplace) -> None:
    scope = Scope(organization_id=uuid4())
    machine_id = await ran(place, scope)
    await ran(place, Scope(organization_id=uuid4()))
    query = """
        SELECT machine_id, samples::int, low::int, high::int, max_ratio, first_day::text, last_day::text, runs
        FROM machine_summary"""
    assert await rows(place, scope, query) == [(machine_id, 48, 0, 6, 7.0, "2026-03-01", "2026-03-02", 1)]
    healthy = "SELECT machine_id, state, run_at IS NOT NULL, open_alerts FROM fleet_health"
    assert await rows(place, scope, healthy) == [(machine_id, "unknown", True, 0)]
    assert await rows(place, Scope(), query) == await rows(place, Scope(), healthy) == []
