"""Failing an analysis: its results and jobs go, its error is published, once, by the holder of the lease."""

import time
from datetime import timedelta
from uuid import uuid4

import numpy as np
import pytest

from services.analysis.database.results import FeatureChunk
from services.analysis.domain import Analysis, Status
from services.analysis.engine import TableError
from services.analysis.jobs.domain import QUEUE, Kind
from services.analysis.jobs.finalize import INTERNAL_ERROR, OUT_OF_MEMORY, WORKER_DIED, Finalizer
from services.analysis.jobs.work import Work, work_on
from services.analysis.objects.models import ModelStore
from services.analysis.objects.store import Storage
from shared.access import Scope
from shared.clock import time_ordered_id
from shared.events.analysis import ANALYSIS_FAILED
from shared.jobs.leases import HeldLease, Priority
from shared.jobs.queue import Job, LeaseLost, NewJob
from tests.support.fakes import FakeClock
from tests.unit.analysis.database.examples import NOW, added
from tests.unit.analysis.database.fakes import FakeUnits

LEASE = timedelta(minutes=1)


class Place:
    """A worker that has claimed the job of a baseline and stored some of its features."""

    def __init__(self) -> None:
        self.clock = FakeClock(NOW)
        self.units = FakeUnits(self.clock)
        self.scope = Scope(organization_id=uuid4())
        models = ModelStore(Storage.at("memory:///"))
        self.finalizer = Finalizer(self.units, models, self.clock, time_ordered_id)

    async def claimed(self) -> Work:
        async with self.units(self.scope) as unit:
            analysis = await added(unit, self.scope)
            await self._enqueue(analysis)
            job = await self.claim()
            begun = await unit.analyses.begin(analysis.id, job.attempt)
            assert begun is not None
            rows, metadata = np.ones((2, 1)), [{"load": "low"}] * 2
            features = FeatureChunk(
                uuid4(), analysis.organization_id, analysis.file_upload_id, 0, 0, rows, metadata
            )
            await unit.results.add_features(features.encode())
            lease = HeldLease(job, LEASE, Priority(), sent_at=time.monotonic())
            return await work_on(unit, job, lease, begun)

    async def claim(self) -> Job:
        (job,) = await self.units.queue.claim(QUEUE, 1, lease=LEASE)
        return job

    async def _enqueue(self, analysis: Analysis) -> None:
        organization_id = analysis.organization_id
        await self.units.queue.enqueue([NewJob(uuid4(), QUEUE, Kind.ANALYSIS, analysis.id, organization_id)])

    def analysis(self, work: Work) -> Analysis:
        return self.units.memory.analyses[work.analysis.id]


@pytest.fixture
def place() -> Place:
    return Place()


async def test_a_rejected_file_fails_its_analysis(place: Place) -> None:
    work = await place.claimed()
    following = work.next_job(uuid4(), Kind.CHUNK, process_order=0)
    await place.units.queue.enqueue([following])
    suggestion = {"end_meta": "load", "start_dim": "f_0", "end_dim": "f_0"}
    error = TableError(
        "the cell is empty", file="normal.csv", row=3, column="f_0", suggestion=suggestion, code="empty"
    )
    await place.finalizer.reject(work, error)
    failed = place.analysis(work)
    assert (failed.status, failed.completed_at) == (Status.FAILED, NOW)
    assert failed.error == {
        "message": "file 'normal.csv', row 3, column 'f_0': the cell is empty",
        "code": "empty",
        "params": {},
        "file": "normal.csv",
        "row": 3,
        "column": "f_0",
        "suggestion": suggestion,
        "proposal": suggestion,
    }
    memory = place.units.memory
    assert memory.features == []
    assert memory.uploads[work.upload.id].error_message == failed.error["message"]
    assert list(memory.discarded.values()) == [f"{work.upload.file_path}/"]
    # What is deleted counts towards no quota.
    async with place.units(place.scope) as unit:
        assert (await unit.uploads.usage(NOW)).stored_bytes == 0
    assert await place.units.queue.cancel([failed.id]) == 0
    (event,) = place.units.outbox.payloads(ANALYSIS_FAILED)
    assert (event.error, event.row, event.column) == (failed.error["message"], 3, "f_0")
    assert event.code == "empty"


@pytest.mark.parametrize(
    ("error", "message", "code"),
    [
        (None, WORKER_DIED, "worker_died"),
        (MemoryError("no memory"), OUT_OF_MEMORY, "out_of_memory"),
        (LookupError("no model"), INTERNAL_ERROR, "internal_error"),
    ],
)
async def test_the_files_of_an_analysis_that_is_given_up_are_kept(
    place: Place, error: Exception | None, message: str, code: str
) -> None:
    work = await place.claimed()
    await place.finalizer.give_up(work.job, error)
    failure = place.analysis(work).error
    assert failure is not None
    assert (failure["message"], failure["code"]) == (message, code)
    assert place.units.memory.discarded == {}
    async with place.units(place.scope) as unit:
        assert (await unit.uploads.usage(NOW)).stored_bytes == work.upload.file_size


async def test_an_analysis_fails_once(place: Place) -> None:
    work = await place.claimed()
    await place.finalizer.reject(work, TableError("the file is empty", code="empty"))
    await place.units.queue.enqueue([work.next_job(uuid4(), Kind.CHUNK, process_order=0)])
    await place.finalizer.give_up(await place.claim(), None)
    assert place.analysis(work).error != {"message": WORKER_DIED}
    assert len(place.units.outbox.payloads(ANALYSIS_FAILED)) == 1


async def test_a_worker_that_lost_its_lease_cannot_fail_the_analysis(place: Place) -> None:
    """The exception rolls the transaction back; what is in it before does not matter."""
    work = await place.claimed()
    place.clock.advance(minutes=2)
    taken_over = await place.claim()
    with pytest.raises(LeaseLost):
        await place.finalizer.reject(work, TableError("the file is empty", code="empty"))
    with pytest.raises(LeaseLost):
        await place.finalizer.give_up(work.job, None)
    assert place.units.outbox.payloads(ANALYSIS_FAILED) == []
    await place.units.queue.complete(taken_over)
