"""Old results are compressed, on TimescaleDB and without it, and nobody who reads them can tell."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from dinsight.maintenance.columnstore import compresses
from dinsight.maintenance.compression import MONITOR_ROWS, Batch, compress, drop_emptied, waiting
from services.analysis.domain import Analysis, Status
from services.analysis.health.service import HealthService
from services.analysis.results.service import ResultService
from shared.access import Scope
from tests.integration.analysis.client import csv, samples
from tests.integration.analysis.workplace import Workplace
from tests.support.waiting import eventually

# Uploads and their features are made today; runs have the workplace's time, which is long ago.
LATER = datetime.now(UTC) + timedelta(days=400)
SAMPLES = 1_300
RANGES = ((0, None), (0, 1), (5, 15), (500, 600), (511, 513), (512, 1024), (1_299, None), (2_000, None))
REFRESH = "CALL refresh_continuous_aggregate('analysis.monitor_daily_all', NULL, NULL)"
DAILY = "SELECT day::text, samples, anomalies, highest_distance FROM monitor_daily WHERE analysis_id = $1"


@dataclass(frozen=True)
class Monitored:
    baseline: Analysis
    run: Analysis

    @property
    def scope(self) -> Scope:
        return Scope(organization_id=self.run.organization_id)


@pytest.fixture
async def monitored(place: Workplace) -> Monitored:
    """A completed run of three chunks on a baseline, of a new organization."""
    baseline = await place.uploaded()
    await place.do(baseline)
    table = csv(samples(SAMPLES, seed=2, shifted=[10, 700, 1_299]))
    run = await place.monitored(await place.now(baseline), table)
    await place.do(run)
    found = Monitored(await place.now(baseline), await place.now(run))
    assert found.run.status is Status.COMPLETED
    return found


@pytest.fixture
async def second(place: Workplace) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Another connection of an administrator to the workplace's database."""
    connection = await asyncpg.connect(place.admin_dsn)
    yield connection
    await connection.close()


async def answers(place: Workplace, monitored: Monitored) -> Mapping[str, Any]:
    """Everything that the service tells of a run and its baseline."""
    results, health = ResultService(), HealthService()
    found: dict[str, Any] = {}
    async with place.units(monitored.scope) as unit:
        machine = await unit.machines.get(monitored.run.machine_id)
        assert machine is not None
        for name, analysis in (("baseline", monitored.baseline), ("run", monitored.run)):
            for start, stop in RANGES:
                found[f"points of {name}, {start} to {stop}"] = await results.points(
                    unit, analysis.id, start, stop
                )
                found[f"features of {name}, {start} to {stop}"] = await results.features(
                    unit, analysis.file_upload_id, start, stop, None
                )
        found["health"] = await health.health(unit, machine)
        for by in (None, "sample"):
            found[f"wear by {by}"] = await health.deterioration(unit, machine, by)
    return found


async def points(place: Workplace, monitored: Monitored) -> bytes:
    async with place.units(monitored.scope) as unit:
        return await ResultService().points(unit, monitored.run.id, 0, None)


async def compressed(connection: Any) -> list[Batch]:
    return [batch async for batch in compress(connection, LATER)]


async def test_answers_are_the_same_before_and_after(place: Workplace, monitored: Monitored) -> None:
    before = await answers(place, monitored)
    await compressed(place.admin)
    assert await place.count("feature_data", monitored.run) == 3
    unpacked = "SELECT count(*) FROM analysis.feature_data WHERE packed IS NULL"
    assert await place.admin.fetchval(unpacked) == 0
    if not await compresses(place.admin):
        assert await place.count("monitor_data", monitored.run) == 0
        assert await place.count("monitor_packed", monitored.run) == 3
    assert await answers(place, monitored) == before


async def test_what_waits_is_counted_and_compressed_once(place: Workplace, monitored: Monitored) -> None:
    await compressed(place.admin)
    again = await place.monitored(monitored.baseline, csv(samples(20, seed=5)))
    await place.do(again)
    assert set((await waiting(place.admin, LATER - timedelta(days=800))).values()) == {(0, 0)}
    expected = await waiting(place.admin, LATER)
    assert expected["feature_data"][0] == 1
    batches = await compressed(place.admin)
    assert sum(batch.rows for batch in batches if batch.table == "feature_data") == 1
    assert all(batch.after > 0 and batch.left == 0 for batch in batches)
    assert await compressed(place.admin) == []
    assert set((await waiting(place.admin, LATER)).values()) == {(0, 0)}


async def test_two_at_once_compress_everything_once(
    place: Workplace, monitored: Monitored, second: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    before = await answers(place, monitored)
    await asyncio.gather(compressed(place.admin), compressed(second))
    # Each passes over what the other one has locked.
    await compressed(place.admin)
    assert set((await waiting(place.admin, LATER)).values()) == {(0, 0)}
    assert await answers(place, monitored) == before


async def test_one_that_is_killed_changes_nothing_in_between(
    place: Workplace, monitored: Monitored, second: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    before = await answers(place, monitored)
    pid = second.get_server_pid()
    blocked = "SELECT EXISTS (SELECT FROM pg_locks WHERE pid = $1 AND NOT granted)"
    async with place.admin.transaction():
        # Both engines write features in the end, and can read meanwhile.
        await place.admin.execute("LOCK TABLE analysis.feature_data, analysis.monitor_packed IN SHARE MODE")
        task = asyncio.create_task(compressed(second))

        async def waits() -> bool:
            return task.done() or bool(await place.admin.fetchval(blocked, pid))

        await eventually(waits, what="the compression to wait for the lock")
        await place.admin.execute("SELECT pg_terminate_backend($1)", pid)
        with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, ConnectionError):
            await task
    assert await answers(place, monitored) == before
    await compressed(place.admin)
    assert await answers(place, monitored) == before


async def test_what_cannot_be_packed_exactly_is_left(place: Workplace, monitored: Monitored) -> None:
    await place.admin.execute(
        "INSERT INTO analysis.feature_data (organization_id, file_upload_id, chunk_index,"
        " samples, feature_values) SELECT organization_id, $1, 99, 2, '{{1,2},{3,NULL}}'"
        " FROM analysis.analyses WHERE id = $2",
        monitored.run.file_upload_id,
        monitored.run.id,
    )
    batches = await compressed(place.admin)
    assert sum(batch.left for batch in batches) == 1
    kept = "SELECT feature_values::text, packed FROM analysis.feature_data WHERE chunk_index = 99"
    assert tuple(await place.admin.fetchrow(kept) or ()) == ("{{1,2},{3,NULL}}", None)
    await place.admin.execute("DELETE FROM analysis.feature_data WHERE chunk_index = 99")


async def test_a_run_in_progress_is_left(place: Workplace, monitored: Monitored) -> None:
    if await compresses(place.admin):
        pytest.skip("TimescaleDB compresses whole chunks, and lets rows of compressed ones be written")
    await place.admin.execute(
        "UPDATE analysis.analyses SET status = 'processing' WHERE id = $1", monitored.run.id
    )
    await compressed(place.admin)
    assert await place.count("monitor_packed", monitored.run) == 0
    await place.admin.execute(
        "UPDATE analysis.analyses SET status = 'completed' WHERE id = $1", monitored.run.id
    )


async def test_a_machine_is_deleted_with_what_is_compressed(place: Workplace, monitored: Monitored) -> None:
    other = await place.monitored(monitored.baseline, csv(samples(20, seed=5)))
    await place.do(other)
    await compressed(place.admin)
    async with place.units(monitored.scope) as unit:
        await unit.machines.purge(monitored.run.machine_id)
    for table in ("monitor_data", "monitor_packed", "feature_data", "dinsight_data"):
        for analysis in (monitored.baseline, monitored.run, other):
            assert await place.count(table, analysis) == 0, table


async def test_one_compressed_analysis_is_deleted_alone(place: Workplace, monitored: Monitored) -> None:
    other = await place.monitored(monitored.baseline, csv(samples(20, seed=5)))
    await place.do(other)
    before = await points(place, monitored)
    await compressed(place.admin)
    await place.admin.execute("DELETE FROM analysis.analyses WHERE id = $1", other.id)
    for table in ("monitor_data", "monitor_packed"):
        assert await place.count(table, other) == 0
    assert await points(place, monitored) == before


async def test_another_organization_sees_nothing_compressed(place: Workplace, monitored: Monitored) -> None:
    await compressed(place.admin)
    async with place.units(Scope(organization_id=uuid4())) as unit:
        assert await unit.results.monitor_points(monitored.run.id, 0, None) == []
        assert await unit.results.feature_rows(monitored.run.file_upload_id, 0) is None


async def test_daily_counts_are_the_same_and_the_organizations_own(
    place: Workplace, monitored: Monitored
) -> None:
    async def daily(scope: Scope) -> list[tuple[Any, ...]]:
        async with place.database.transaction(scope) as connection:
            return [tuple(row) for row in await connection.fetch(DAILY, monitored.run.id)]

    async with place.units(monitored.scope) as unit:
        chunks = await unit.results.monitor_points(monitored.run.id, 0, None)
    distances = [chunk.distance.max() for chunk in chunks if chunk.distance is not None]
    anomalies = sum(sum(chunk.anomaly or ()) for chunk in chunks)
    assert anomalies >= 3
    expected = [("2026-01-01", SAMPLES, anomalies, max(distances))]
    if await compresses(place.admin):
        # Old rows are counted when a worker has materialized them; this one does not wait for it.
        await place.admin.execute(
            "CALL refresh_continuous_aggregate('analysis.monitor_daily_all', NULL, NULL)"
        )
    assert await daily(monitored.scope) == expected
    await compressed(place.admin)
    assert await daily(monitored.scope) == expected
    assert await daily(Scope(organization_id=uuid4())) == []
    assert await daily(Scope()) == []


async def test_months_that_are_empty_then_are_dropped_and_made_again(
    place: Workplace, monitored: Monitored
) -> None:
    if await compresses(place.admin):
        pytest.skip("TimescaleDB keeps rows in its chunks")
    before = await points(place, monitored)
    await compressed(place.admin)
    assert any("monitor_data_2026_01" in note for note in await drop_emptied(place.admin, LATER))
    assert await points(place, monitored) == before
    again = await place.monitored(monitored.baseline, csv(samples(20, seed=5)))
    await place.do(again)
    assert (await place.now(again)).status is Status.COMPLETED


async def test_a_long_run_takes_several_batches(place: Workplace, monitored: Monitored) -> None:
    if await compresses(place.admin):
        pytest.skip("TimescaleDB compresses a chunk of the table at a time")
    await compressed(place.admin)
    chunks = MONITOR_ROWS + 2
    await place.admin.execute(
        "INSERT INTO analysis.monitor_data (organization_id, dinsight_id, analysis_id, process_order,"
        " first_sample, samples, monitor_values, x_values, y_values, created_at)"
        " SELECT organization_id, dinsight_id, id, 10 + n, 5120 + n, 1, '{1}', '{2}', '{3}', created_at"
        " FROM analysis.analyses, generate_series(1, $2) AS n WHERE id = $1",
        monitored.run.id,
        chunks,
    )
    batches = [batch for batch in await compressed(place.admin) if batch.table == "monitor_data"]
    assert [batch.rows for batch in batches] == [MONITOR_ROWS, 2]
    assert await place.count("monitor_packed", monitored.run) == 3 + chunks
