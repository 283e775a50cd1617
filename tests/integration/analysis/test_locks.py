"""Workers lock an analysis before its jobs and its upload, like the deletion of a machine: no deadlocks."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from services.analysis.domain import Analysis
from services.analysis.engine import Chunk
from services.analysis.engine.tables.columns import Value
from services.analysis.jobs.chunks import ChunkStore
from services.analysis.jobs.domain import Kind, Stage
from services.analysis.jobs.progress import Progress
from services.analysis.jobs.recent import RecentChunks
from services.analysis.jobs.work import Work, work_on
from shared.access import Scope
from shared.clock import time_ordered_id
from shared.jobs.leases import HeldLease, Priority
from shared.jobs.queue import LeaseLost
from tests.integration.analysis.client import samples
from tests.integration.analysis.workplace import LEASE, GatedFitter, Workplace
from tests.support.waiting import eventually

METADATA: list[dict[str, Value]] = [{"load": "low"}] * 5


async def begun(place: Workplace) -> Work:
    """A claimed job whose analysis is being processed."""
    analysis = await place.uploaded()
    job = await place.claim(analysis, Kind.ANALYSIS, timedelta(minutes=5))
    lease = HeldLease(job, LEASE, Priority(), sent_at=time.monotonic())
    async with place.units(Scope(organization_id=analysis.organization_id)) as unit:
        processing = await unit.analyses.begin(analysis.id, 1)
        assert processing is not None
        return await work_on(unit, job, lease, processing)


@asynccontextmanager
async def locked_for_deletion(place: Workplace, analysis: Analysis) -> AsyncIterator[None]:
    """Hold the lock with which the deletion of a machine starts. Then, delete the analysis."""
    async with place.admin.transaction():
        await place.admin.execute("SELECT FROM analysis.analyses WHERE id = $1 FOR UPDATE", analysis.id)
        yield
        await place.admin.execute("DELETE FROM analysis.jobs WHERE subject_id = $1", analysis.id)
        await place.admin.execute("UPDATE analysis.analyses SET status = 'failed' WHERE id = $1", analysis.id)


async def others_wait(place: Workplace) -> None:
    """Return once somebody waits for the lock of the deletion."""
    query = """
        SELECT EXISTS (
            SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))"""

    async def waiting() -> bool:
        return bool(await place.admin.fetchval(query))

    await eventually(waiting, what="somebody who waits for the analysis")


async def is_free(place: Workplace, table: str, column: str, analysis: Analysis) -> None:
    """Fail if anybody holds a lock on the rows."""
    key = analysis.id if column == "subject_id" else analysis.file_upload_id
    await place.admin.execute(f"SELECT FROM analysis.{table} WHERE {column} = $1 FOR UPDATE NOWAIT", key)


@pytest.mark.parametrize("method", ["keep_features", "keep_chunk"])
async def test_storing_samples_waits_without_holding_the_job(place: Workplace, method: str) -> None:
    work = await begun(place)
    store = ChunkStore(place.units, RecentChunks(), time_ordered_id)
    chunk = Chunk(samples(5), METADATA, 0)
    async with locked_for_deletion(place, work.analysis):
        if method == "keep_features":
            storing = asyncio.create_task(store.keep_features(work, 0, chunk))
        else:
            storing = asyncio.create_task(store.keep_chunk(work, 0, 0, chunk, None, ready=True))
        await others_wait(place)
        await is_free(place, "jobs", "subject_id", work.analysis)
        await is_free(place, "file_uploads", "id", work.analysis)
    with pytest.raises(LeaseLost):
        await storing
    assert await place.count("feature_data", work.analysis) == 0


async def test_publishing_progress_waits_without_holding_the_job(place: Workplace) -> None:
    work = await begun(place)
    async with (
        Progress(place.units, work, every=0.01) as progress,
        locked_for_deletion(place, work.analysis),
    ):
        progress.note(Stage.READING, 0.5)
        await others_wait(place)
        await is_free(place, "jobs", "subject_id", work.analysis)
    assert await place.events(work.analysis, "analysis.progressed") == 0


async def test_completing_a_baseline_waits_without_holding_the_upload(place: Workplace) -> None:
    analysis = await place.uploaded()
    slow = GatedFitter(place)
    working = asyncio.create_task(place.do(analysis, fitter=slow, progress_seconds=3600.0))
    await slow.gate.reached.wait()
    async with locked_for_deletion(place, analysis):
        slow.gate.open.set()
        await others_wait(place)
        await is_free(place, "file_uploads", "id", analysis)
    await working
    assert await place.count("dinsight_data", analysis) == 0
