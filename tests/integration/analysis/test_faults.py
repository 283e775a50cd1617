"""Whatever dies, an analysis ends exactly once. The tests need no broker: the database is the queue."""

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from services.analysis.database.results import FeatureChunk
from services.analysis.domain import Analysis, Status
from services.analysis.jobs.domain import MAX_SMALL_VALUES, Kind
from services.analysis.jobs.finalize import INTERNAL_ERROR, WORKER_DIED
from shared.access import Scope
from shared.jobs.leases import HeldLease, Priority
from shared.jobs.queue import Job, Size
from shared.postgres.connection import Database
from shared.process import background
from tests.integration.analysis.claiming import JobsOf
from tests.integration.analysis.client import csv, samples
from tests.integration.analysis.workplace import (
    EXPIRED,
    LEASE,
    BrokenFitter,
    GatedFitter,
    Workplace,
)
from tests.support.waiting import eventually


async def test_an_analysis_is_done_once_by_many_workers(place: Workplace) -> None:
    analysis = await place.uploaded()
    await asyncio.gather(*(place.do(analysis) for _ in range(3)))
    found = await place.ended_once(analysis, Status.COMPLETED)
    assert found.attempts == 1
    assert await place.jobs(analysis) == []


async def test_a_killed_workers_analysis_is_taken_over(place: Workplace) -> None:
    """The chunk that it had stored is deleted."""
    analysis = await place.uploaded()
    await place.claim(analysis, Kind.ANALYSIS, EXPIRED)
    chunk = FeatureChunk(
        uuid4(), analysis.organization_id, analysis.file_upload_id, 0, 0, samples(5), [{"load": "low"}] * 5
    )
    async with place.units(Scope(organization_id=analysis.organization_id)) as unit:
        await unit.results.add_features(chunk.encode())
    await place.do(analysis)
    found = await place.ended_once(analysis, Status.COMPLETED)
    assert found.attempts == 2


async def test_a_live_lease_is_respected(place: Workplace) -> None:
    analysis = await place.uploaded()
    await place.claim(analysis, Kind.ANALYSIS, LEASE)
    await place.do(analysis)
    assert (await place.now(analysis)).status is Status.PENDING
    assert await place.jobs(analysis) == [(Kind.ANALYSIS, True)]


async def test_an_upload_without_a_job_is_adopted(place: Workplace) -> None:
    """A version without the queue stored it while this one was starting."""
    analysis = await place.uploaded()
    await place.admin.execute("DELETE FROM analysis.jobs WHERE subject_id = $1", analysis.id)
    async with place.units(Scope()) as unit:
        assert await unit.upkeep.adopt(10**6) >= 1
    async with place.units(Scope()) as unit:
        assert await unit.upkeep.adopt(10**6) == 0
    await place.do(analysis)
    await place.ended_once(analysis, Status.COMPLETED)


@pytest.mark.parametrize("heartbeat_seconds", [0.02, 3600.0], ids=["noticed", "unnoticed"])
async def test_a_worker_that_lost_its_lease_writes_nothing(
    place: Workplace, heartbeat_seconds: float
) -> None:
    """It hangs, another worker takes over, and then it returns with its result."""
    analysis = await place.uploaded()
    slow = GatedFitter(place)
    sleeper = place.worker(analysis, fitter=slow, heartbeat_seconds=heartbeat_seconds)
    async with background(*(loop.run() for loop in sleeper.loops)):
        await slow.gate.reached.wait()
        await place.admin.execute(
            "UPDATE analysis.jobs SET lease_token = NULL, lease_until = NULL WHERE subject_id = $1",
            analysis.id,
        )
        await place.do(analysis)
        slow.gate.open.set()
    await sleeper.stop()
    found = await place.ended_once(analysis, Status.COMPLETED)
    assert found.attempts == 2


async def test_the_heartbeat_keeps_the_lease_of_a_long_analysis(place: Workplace) -> None:
    analysis = await place.uploaded()
    slow = GatedFitter(place)
    query = "SELECT lease_until FROM analysis.jobs WHERE subject_id = $1"
    worker = place.worker(analysis, fitter=slow)
    async with background(*(loop.run() for loop in worker.loops)):
        await slow.gate.reached.wait()
        first = await place.admin.fetchval(query, analysis.id)

        async def renewed() -> bool:
            return bool(await place.admin.fetchval(query, analysis.id) > first)

        async def ended() -> bool:
            return (await place.now(analysis)).status is Status.COMPLETED

        await eventually(renewed)
        slow.gate.open.set()
        await eventually(ended)
    await place.ended_once(analysis, Status.COMPLETED)


class FailsOnce(JobsOf):
    """A queue whose first heartbeat fails."""

    def __init__(self, database: Database, analysis: Analysis, error: Exception) -> None:
        super().__init__(database, analysis, tuple(Kind))
        self.error: Exception | None = error

    async def heartbeat(self, jobs: Sequence[Job], lease: timedelta) -> set[UUID]:
        error, self.error = self.error, None
        if error is not None:
            raise error
        return await super().heartbeat(jobs, lease)


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.DeadlockDetectedError("deadlock detected"),
        asyncpg.ReadOnlySQLTransactionError("cannot execute UPDATE in a read-only transaction"),
        ConnectionRefusedError("the database is away"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_heartbeat_survives_database_errors(place: Workplace, error: Exception) -> None:
    """A deadlock used to end the heartbeat silently, so that a healthy worker lost its lease."""
    analysis = await place.uploaded()
    slow = GatedFitter(place)
    queue = FailsOnce(place.database, analysis, error)
    worker = place.worker(analysis, fitter=slow, queue=queue)
    query = "SELECT lease_until FROM analysis.jobs WHERE subject_id = $1"
    async with background(*(loop.run() for loop in worker.loops)):
        await slow.gate.reached.wait()
        first = await place.admin.fetchval(query, analysis.id)

        async def renewed() -> bool:
            return bool(await place.admin.fetchval(query, analysis.id) > first)

        await eventually(renewed)
        assert queue.error is None
        slow.gate.open.set()
    await worker.stop()


async def test_an_internal_error_is_retried_three_times(place: Workplace) -> None:
    analysis = await place.uploaded()
    await place.do(analysis, fitter=BrokenFitter(place))
    found = await place.ended_once(analysis, Status.FAILED)
    assert found.error is not None
    assert found.error["message"] == INTERNAL_ERROR
    assert found.attempts == 3


async def test_a_file_that_kills_its_workers_fails(place: Workplace) -> None:
    analysis = await place.uploaded()
    for _ in range(3):
        await place.claim(analysis, Kind.ANALYSIS, EXPIRED)
    await place.do(analysis)
    found = await place.ended_once(analysis, Status.FAILED)
    assert found.error is not None
    assert found.error["message"] == WORKER_DIED
    assert await place.jobs(analysis) == []


async def test_a_shutdown_gives_the_work_back(place: Workplace) -> None:
    analysis = await place.uploaded()
    slow = GatedFitter(place)
    worker = place.worker(analysis, fitter=slow)
    async with background(*(loop.run() for loop in worker.loops)):
        await slow.gate.reached.wait()
    await worker.stop()
    found = await place.now(analysis)
    assert (found.status, found.attempts) == (Status.PENDING, 0)
    assert await place.jobs(analysis) == [(Kind.ANALYSIS, False)]
    await place.do(analysis)
    await place.ended_once(analysis, Status.COMPLETED)


async def test_a_small_file_with_many_values_becomes_a_large_job(place: Workplace) -> None:
    """It must not occupy the lane of small jobs."""
    rows = MAX_SMALL_VALUES // 8 + 1000
    analysis = await place.uploaded(table=csv(samples(rows)), job_size=Size.SMALL)
    job = await place.claim(analysis, Kind.ANALYSIS, timedelta(minutes=5))
    assert job.size is Size.SMALL

    lease = HeldLease(job, LEASE, Priority(), sent_at=time.monotonic())
    await place.handlers()[Kind.ANALYSIS].run(job, lease)
    row = await place.admin.fetchrow(
        "SELECT size, attempts, lease_token FROM analysis.jobs WHERE subject_id = $1", analysis.id
    )
    assert row is not None
    assert tuple(row) == (Size.LARGE, 0, None)
    assert (await place.now(analysis)).status is Status.PENDING
