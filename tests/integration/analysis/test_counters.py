"""Counter rows equal what is stored, whatever happens at once, and are current when a run completes."""

import asyncio
from collections.abc import Coroutine, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.analysis.anomalies.domain import Anomaly, AnomalyFilter
from services.analysis.database.unit import PostgresUnits, Unit
from services.analysis.domain import Analysis, AnalysisType
from services.analysis.jobs.summarize import Summarizer
from services.analysis.timeline.domain import HourCount, microseconds
from shared.access import Scope
from shared.clock import SystemClock
from shared.http.pages import PageRequest
from shared.postgres.connection import Database
from tests.integration.analysis.client import csv, samples
from tests.integration.analysis.workplace import Workplace
from tests.support.waiting import eventually
from tests.unit.analysis.database.examples import HOUR, NOW, a_summary, an_anomaly, completed

SEVERITIES = ("low", "high")
# Few, so that those who count at once count the same; the last one is on another day.
HOURS = (0, 1, 30)
# The sums as they follow from the rows of runs, and those of runs as they follow from the anomalies.
WRONG = """
WITH expected AS (
    SELECT machine_id, hour, severity, sum(samples) AS samples, sum(acknowledged) AS acknowledged,
           min(min_ratio) AS low, max(max_ratio) AS high
    FROM analysis.run_hours GROUP BY machine_id, hour, severity
), days AS (
    SELECT machine_id, (hour AT TIME ZONE 'UTC')::date AS day, severity, sum(samples) AS samples,
           sum(acknowledged) AS acknowledged, min(low) AS low, max(high) AS high
    FROM expected GROUP BY 1, 2, 3
), counted AS (
    SELECT machine_id, analysis_id, date_trunc('hour', "timestamp", 'UTC') AS hour, severity,
           count(*) AS samples, count(*) FILTER (WHERE acknowledged) AS acknowledged,
           max(distance / threshold) AS high
    FROM analysis.anomalies GROUP BY 1, 2, 3, 4
), hours AS (
    SELECT machine_id, hour, severity, samples, acknowledged, min_ratio, max_ratio FROM analysis.machine_hours
), machine_days AS (
    SELECT machine_id, day, severity, samples, acknowledged, min_ratio, max_ratio FROM analysis.machine_days
), kept AS (
    SELECT machine_id, analysis_id, hour, severity, samples, acknowledged, max_ratio AS high
    FROM analysis.run_hours WHERE severity <> 'normal'
)
SELECT 'hours' AS what, to_jsonb(x) AS row FROM (
    (TABLE expected EXCEPT TABLE hours) UNION ALL (TABLE hours EXCEPT TABLE expected)) x
UNION ALL SELECT 'days', to_jsonb(x) FROM (
    (TABLE days EXCEPT TABLE machine_days) UNION ALL (TABLE machine_days EXCEPT TABLE days)) x
UNION ALL SELECT 'anomalies', to_jsonb(x) FROM (
    (TABLE counted EXCEPT TABLE kept) UNION ALL (TABLE kept EXCEPT TABLE counted)) x
UNION ALL SELECT 'states', to_jsonb(s) FROM analysis.machine_states s
WHERE s.run_id IS DISTINCT FROM (
        SELECT analysis_id FROM analysis.run_summaries r WHERE r.machine_id = s.machine_id
        ORDER BY completed_at DESC, analysis_id DESC LIMIT 1)
   OR s.data_until IS DISTINCT FROM (
        SELECT max(data_until) FROM analysis.run_summaries r WHERE r.machine_id = s.machine_id)
"""
# A wait for a row is a wait for the transaction that changed it, which has no database.
WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND state = 'active'
"""


async def assert_counted(place: Workplace) -> None:
    assert [tuple(row) for row in await place.admin.fetch(WRONG)] == []


async def ran(
    units: PostgresUnits, scope: Scope, machine_id: UUID, at: Sequence[tuple[int, str, int]]
) -> Analysis:
    """A completed run with anomalies: their hours, severities and numbers."""
    hours: dict[tuple[int, str], HourCount] = {}
    anomalies: list[tuple[datetime, str, int]] = []
    for hour, severity, count in at:
        time = NOW + hour * HOUR
        key = (microseconds(time), severity)
        hours[key] = HourCount(*key, count, 2.0, 1.0 + count, 3.0 * count)
        anomalies = [found for found in anomalies if (microseconds(found[0]), found[1]) != key]
        anomalies.append((time, severity, count))
    async with units(scope) as unit:
        run = await completed(
            unit,
            scope,
            machine_id=machine_id,
            analysis_type=AnalysisType.MONITORING,
            now=SystemClock().now(),
        )
        await unit.anomalies.add_all(
            [
                an_anomaly(run, timestamp=time, severity=severity, distance=3.0 * (1 + count))
                for time, severity, count in anomalies
                for _ in range(count)
            ]
        )
        counts = sorted(hours.values(), key=lambda count: (count.hour, count.severity))
        assert await unit.summaries.add(machine_id, a_summary(run, counts))
    return run


async def acknowledge(units: PostgresUnits, scope: Scope, anomaly: Anomaly) -> None:
    async with units(scope) as unit:
        found = await unit.anomalies.lock(anomaly.id)
        if found is None or found.acknowledged:
            return
        await unit.anomalies.acknowledge(found, uuid4(), NOW)
        await unit.summaries.count_acknowledgement(
            found.machine_id, found.analysis_id, found.severity, found.timestamp
        )


async def delete(database: Database, run: Analysis) -> None:
    async with database.transaction(Scope(organization_id=run.organization_id)) as connection:
        await connection.execute("DELETE FROM analyses WHERE id = $1", run.id)


@pytest.mark.parametrize("seed", range(5))
async def test_counters_equal_the_rows_whatever_happens_at_once(place: Workplace, seed: int) -> None:
    """Runs of two machines end, are deleted and acknowledged at once."""
    random = Random(seed)
    scope, machines = Scope(organization_id=uuid4()), [uuid4(), uuid4()]

    def some_anomalies() -> list[tuple[int, str, int]]:
        return [
            (random.choice(HOURS), random.choice(SEVERITIES), random.randint(1, 3))
            for _ in range(random.randint(1, 5))
        ]

    runs = [await ran(place.units, scope, random.choice(machines), some_anomalies()) for _ in range(6)]
    async with place.units(scope) as unit:
        anomalies = [anomaly for machine_id in machines for anomaly in await all_anomalies(unit, machine_id)]
    work: list[Coroutine[Any, Any, Any]] = [
        *(ran(place.units, scope, random.choice(machines), some_anomalies()) for _ in range(12)),
        *(delete(place.database, run) for run in runs[:3]),
        *(acknowledge(place.units, scope, random.choice(anomalies)) for _ in range(30)),
    ]
    random.shuffle(work)
    await asyncio.gather(*work)
    await assert_counted(place)


async def all_anomalies(unit: Unit, machine_id: UUID) -> Sequence[Anomaly]:
    found = await unit.anomalies.list(AnomalyFilter(machine_id=machine_id), PageRequest(limit=500))
    return list(found.items)


async def test_a_deleted_run_is_not_counted_any_more(place: Workplace) -> None:
    scope, machine_id = Scope(organization_id=uuid4()), uuid4()
    run = await ran(place.units, scope, machine_id, [(0, "high", 2), (30, "low", 1)])
    other = await ran(place.units, scope, machine_id, [(0, "high", 1)])
    await delete(place.database, other)
    async with place.units(scope) as unit:
        daily = await unit.anomalies.daily(machine_id, None, None, 10)
    assert [(c.day.day, c.severity, c.anomalies, c.worst_ratio) for c in daily] == [
        (2, "low", 1, 2.0),
        (1, "high", 2, 3.0),
    ]
    await delete(place.database, run)
    async with place.units(scope) as unit:
        assert list(await unit.anomalies.daily(machine_id, None, None, 10)) == []
        assert await unit.fleet.newest_data(machine_id) is None
    await assert_counted(place)


async def test_purging_a_machine_leaves_no_counts(place: Workplace) -> None:
    scope, machine_id = Scope(organization_id=uuid4()), uuid4()
    for _ in range(2):
        await ran(place.units, scope, machine_id, [(0, "high", 2)])
    async with place.units(scope) as unit:
        await unit.machines.purge(machine_id)
    for table in ("run_summaries", "run_hours", "machine_hours", "machine_days", "machine_states"):
        query = f"SELECT count(*) FROM analysis.{table} WHERE machine_id = $1"
        assert await place.admin.fetchval(query, machine_id) == 0, table


async def test_runs_of_an_older_version_are_summarized_later(place: Workplace) -> None:
    """The janitor makes of stored results what the worker makes of results in memory."""
    times = [(NOW + number * timedelta(minutes=17)).isoformat() for number in range(40)]
    baseline = await place.uploaded()
    await place.do(baseline)
    run = await place.monitored(baseline, csv(samples(40, seed=3, shifted=range(20, 40)), times=times))
    await place.do(run)
    scope = Scope(organization_id=run.organization_id)
    async with place.units(scope) as unit:
        (anomaly, *_) = await all_anomalies(unit, run.machine_id)
    await acknowledge(place.units, scope, anomaly)
    kept = await stored(place, run)
    assert sum(row["samples"] for row in kept["run_hours"]) == 40
    assert sum(row["acknowledged"] for row in kept["run_hours"]) == 1
    (summary,) = kept["run_summaries"]
    assert (summary["samples"], summary["state"]) == (40, "failing")
    assert summary["bucket_at"] == [NOW + number * timedelta(minutes=17) for number in range(40)]
    # As the migration leaves it: anomalies are counted, normal samples are not.
    for statement in (
        "DELETE FROM analysis.run_summaries WHERE analysis_id = $1",
        "DELETE FROM analysis.run_hours WHERE analysis_id = $1 AND severity = 'normal'",
        "UPDATE analysis.analyses SET summarized = false WHERE id = $1",
    ):
        await place.admin.execute(statement, run.id)
    await Summarizer(place.units).catch_up()
    assert await stored(place, run) == kept
    await assert_counted(place)


async def stored(place: Workplace, run: Analysis) -> dict[str, list[dict[str, Any]]]:
    queries = {
        "run_summaries": "SELECT * FROM analysis.run_summaries WHERE analysis_id = $1",
        "run_hours": "SELECT * FROM analysis.run_hours WHERE analysis_id = $1 ORDER BY hour, severity",
    }
    return {
        name: [dict(row) for row in await place.admin.fetch(query, run.id)] for name, query in queries.items()
    }


async def test_an_acknowledgement_waits_for_a_run_that_counts_the_same_hour(place: Workplace) -> None:
    """Otherwise it would sum the hour without the run, and write that over the run's sum."""
    scope, machine_id = Scope(organization_id=uuid4()), uuid4()
    await ran(place.units, scope, machine_id, [(0, "high", 1)])
    async with place.units(scope) as unit:
        (anomaly,) = await all_anomalies(unit, machine_id)
        other = await completed(unit, scope, machine_id=machine_id, analysis_type=AnalysisType.MONITORING)
        await unit.anomalies.add_all([an_anomaly(other, distance=9.0)])
    async with place.units(scope) as unit:
        count = HourCount(microseconds(NOW), "high", 1, 3.0, 3.0, 3.0)
        assert await unit.summaries.add(machine_id, a_summary(other, [count]))
        waiting = asyncio.create_task(acknowledge(place.units, scope, anomaly))

        async def waits() -> bool:
            return bool(await place.admin.fetchval(WAITING))

        await eventually(waits, what="an acknowledgement that waits")
    await waiting
    await assert_counted(place)


async def test_an_acknowledgement_before_the_counts_is_counted(place: Workplace) -> None:
    """As of a run whose counts an older version left to the janitor."""
    scope = Scope(organization_id=uuid4())
    async with place.units(scope) as unit:
        run = await completed(unit, scope, analysis_type=AnalysisType.MONITORING)
        anomaly = an_anomaly(run, distance=9.0)
        await unit.anomalies.add_all([anomaly])
    await acknowledge(place.units, scope, anomaly)
    async with place.units(scope) as unit:
        count = HourCount(microseconds(NOW), "high", 1, 3.0, 3.0, 3.0)
        assert await unit.summaries.add(run.machine_id, a_summary(run, [count]))
    await assert_counted(place)


async def test_counts_need_a_completed_run(place: Workplace) -> None:
    """A run that was deleted while it was summarized leaves nothing."""
    scope = Scope(organization_id=uuid4())
    async with place.units(scope) as unit:
        run = await completed(unit, scope, analysis_type=AnalysisType.MONITORING)
    await delete(place.database, run)
    async with place.units(scope) as unit:
        count = HourCount(microseconds(NOW), "high", 1, 3.0, 3.0, 3.0)
        assert not await unit.summaries.add(run.machine_id, a_summary(run, [count]))
    await assert_counted(place)
