"""The worker renews leases, ends every job once, and prefers small jobs. No server is needed."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from opentelemetry import trace
from structlog.testing import capture_logs

from shared.jobs.leases import HeldLease, Priority
from shared.jobs.memory import MemoryQueue
from shared.jobs.queue import Job, Lease, LeaseLost, NewJob, Size
from shared.jobs.retry import RetryPolicy
from shared.jobs.worker import Lane, Pace, Worker
from shared.process import background
from tests.support.fakes import FakeClock
from tests.support.waiting import eventually
from tests.unit.shared.jobs.queue_suite import TRACE_ID, a_span

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LEASE = timedelta(seconds=30)
NO_DELAY = RetryPolicy(3, first_delay=timedelta(), max_delay=timedelta())
PACE = Pace(LEASE, heartbeat_seconds=0.01)
Run = Callable[[Job, Lease], Awaitable[None]]


class Handler:
    """Runs the given function, ends the job, and records how each job ended."""

    def __init__(self, queue: MemoryQueue, run: Run | None = None) -> None:
        self.queue = queue
        self._run = run
        self.done: list[Job] = []
        self.given_up: list[tuple[int, Exception | None]] = []

    async def run(self, job: Job, lease: Lease) -> None:
        if self._run is not None:
            await self._run(job, lease)
        await self.queue.complete(job)
        self.done.append(job)

    async def put_back(self, job: Job, after: timedelta, *, counted: bool) -> None:
        await self.queue.retry(job, after, counted=counted)

    async def give_up(self, job: Job, error: Exception | None) -> None:
        await self.queue.complete(job)
        self.given_up.append((job.attempt, error))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def queue(clock: FakeClock) -> MemoryQueue:
    return MemoryQueue(clock)


def new(size: Size = Size.SMALL) -> NewJob:
    return NewJob(uuid4(), "queue", "work", uuid4(), uuid4(), size=size)


def worker(
    queue: MemoryQueue,
    handler: Handler,
    *lanes: Lane,
    monotonic: Callable[[], float] | None = None,
) -> Worker:
    keywords = {} if monotonic is None else {"monotonic": monotonic}
    return Worker(queue, "queue", {"work": handler}, lanes or (Lane(1),), PACE, NO_DELAY, **keywords)


@asynccontextmanager
async def working(one: Worker) -> AsyncIterator[None]:
    async with background(*(loop.run() for loop in one.loops)):
        yield
    await one.stop()


async def test_jobs_are_done_and_each_claim_and_end_is_logged(queue: MemoryQueue) -> None:
    handler = Handler(queue)
    jobs = [new() for _ in range(3)]
    await queue.enqueue(jobs)
    with capture_logs() as logs:
        assert await worker(queue, handler).run_due() == 3
    assert {job.id for job in handler.done} == {job.id for job in jobs}
    claimed = [line for line in logs if line["event"] == "job claimed"]
    ended = [line for line in logs if line["event"] == "job ended"]
    assert [line["waited"] for line in claimed] == [0.0] * 3
    assert [line["outcome"] for line in ended] == ["done"] * 3
    assert all(line["duration"] >= 0 for line in ended)


async def test_a_job_is_part_of_the_trace_in_which_it_was_enqueued(queue: MemoryQueue) -> None:
    seen: list[int] = []

    async def run(job: Job, lease: Lease) -> None:
        seen.append(trace.get_current_span().get_span_context().trace_id)

    with trace.use_span(a_span()):
        await queue.enqueue([new()])
    await worker(queue, Handler(queue, run)).run_due()
    assert seen == [TRACE_ID]


async def test_an_enqueued_job_wakes_a_sleeping_worker(queue: MemoryQueue) -> None:
    done = asyncio.Event()

    async def run(job: Job, lease: Lease) -> None:
        done.set()

    async with working(worker(queue, Handler(queue, run))):
        await queue.enqueue([new()])
        await asyncio.wait_for(done.wait(), 30)


async def test_a_failing_job_is_tried_again_and_then_given_up(queue: MemoryQueue) -> None:
    async def fail(job: Job, lease: Lease) -> None:
        raise MemoryError("no memory left")

    handler = Handler(queue, fail)
    await queue.enqueue([new()])
    with capture_logs() as logs:
        assert await worker(queue, handler).run_due() == 3
    [(attempt, error)] = handler.given_up
    assert (attempt, type(error)) == (3, MemoryError)
    outcomes = [line["outcome"] for line in logs if line["event"] == "job ended"]
    assert outcomes == ["retried", "retried", "given up"]
    assert (await queue.depth("queue")).waiting == 0


async def test_a_job_that_its_workers_die_of_is_given_up(queue: MemoryQueue, clock: FakeClock) -> None:
    handler = Handler(queue)
    await queue.enqueue([new()])
    for _ in range(3):
        [_dead] = await queue.claim("queue", 1, lease=LEASE)
        clock.advance(seconds=31)
    await worker(queue, handler).run_due()
    assert handler.given_up == [(4, None)]
    assert handler.done == []


async def test_a_stopped_worker_gives_its_job_back_uncounted(queue: MemoryQueue) -> None:
    begun = asyncio.Event()

    async def wait(job: Job, lease: Lease) -> None:
        begun.set()
        await asyncio.Event().wait()

    async with working(worker(queue, Handler(queue, wait))):
        await queue.enqueue([new()])
        await asyncio.wait_for(begun.wait(), 30)
    [again] = await queue.claim("queue", 1, lease=LEASE)
    assert again.attempt == 1


async def test_a_worker_learns_that_its_job_was_cancelled(queue: MemoryQueue) -> None:
    begun, lost = asyncio.Event(), asyncio.Event()

    async def until_lost(job: Job, lease: Lease) -> None:
        begun.set()
        try:
            while True:
                await lease.turn()
                await asyncio.sleep(0)
        except LeaseLost:
            lost.set()
            raise

    job = new()
    handler = Handler(queue, until_lost)
    with capture_logs() as logs:
        async with working(worker(queue, handler)):
            await queue.enqueue([job])
            await asyncio.wait_for(begun.wait(), 30)
            await queue.cancel([job.subject_id])
            await asyncio.wait_for(lost.wait(), 30)
    assert any(line["event"] == "lease lost" for line in logs)
    assert handler.done == []


class Away(MemoryQueue):
    """A queue whose claims succeed and whose heartbeats fail."""

    async def heartbeat(self, *_: object) -> set[object]:  # type: ignore[override]  # only raises
        raise OSError("connection refused")


async def test_a_job_that_ends_while_its_lease_is_renewed_lost_nothing(clock: FakeClock) -> None:
    class Overtaken(MemoryQueue):
        """The job ends before the heartbeat reads its row."""

        async def heartbeat(self, jobs: Sequence[Job], lease: timedelta) -> set[UUID]:
            for job in jobs:
                await self.complete(job)
            beaten.set()
            return await super().heartbeat(jobs, lease)

    beaten, queue = asyncio.Event(), Overtaken(clock)

    class Ending(Handler):
        async def run(self, job: Job, lease: Lease) -> None:
            await beaten.wait()
            self.done.append(job)

    handler = Ending(queue)
    await queue.enqueue([new()])
    with capture_logs() as logs:
        async with working(worker(queue, handler)):
            await eventually(lambda: ended(logs), what="the end of the job")
    assert len(handler.done) == 1
    assert [line for line in logs if line["event"] == "lease lost"] == []


async def ended(logs: Sequence[Mapping[str, object]]) -> bool:
    return any(line["event"] == "job ended" for line in logs)


async def test_a_job_of_an_unknown_kind_waits_for_another_version(
    queue: MemoryQueue, clock: FakeClock
) -> None:
    handler = Handler(queue)
    await queue.enqueue([replace(new(), kind="of the next version")])
    for _ in range(5):
        assert await worker(queue, handler).run_due() == 1
        clock.advance(seconds=LEASE.total_seconds())
    newer = Worker(queue, "queue", {"of the next version": handler}, (Lane(1),), PACE, NO_DELAY)
    await newer.run_due()
    assert [job.attempt for job in handler.done] == [1]
    assert handler.given_up == []


async def test_a_heartbeat_that_cannot_renew_says_that_the_lease_is_lost(clock: FakeClock) -> None:
    queue = Away(clock)
    now = 0.0
    begun, lost = asyncio.Event(), asyncio.Event()

    async def until_lost(job: Job, lease: Lease) -> None:
        begun.set()
        try:
            while True:
                await lease.turn()
                await asyncio.sleep(0)
        finally:
            lost.set()

    handler = Handler(queue, until_lost)
    with capture_logs() as logs:
        async with working(worker(queue, handler, monotonic=lambda: now)):
            await queue.enqueue([new()])
            await asyncio.wait_for(begun.wait(), 30)
            now = LEASE.total_seconds()
            await asyncio.wait_for(lost.wait(), 30)
    assert len([line for line in logs if line["event"] == "lease lost"]) == 1
    assert any(line["event"] == "loop failed, trying again" for line in logs)
    assert handler.done == []


async def test_a_small_job_does_not_wait_for_a_large_one(queue: MemoryQueue) -> None:
    """With one worker, the large job pauses at its next checkpoint while the small one runs."""
    large_runs, small_runs, small_may_end = threading.Event(), asyncio.Event(), asyncio.Event()
    large_ended = asyncio.Event()
    order: list[str] = []

    async def run(job: Job, lease: Lease) -> None:
        if job.size is Size.LARGE:
            large_runs.set()
            await small_runs.wait()
            await asyncio.to_thread(lease.checkpoint)
            order.append("large")
            large_ended.set()
        else:
            small_runs.set()
            await small_may_end.wait()
            order.append("small")

    handler = Handler(queue, run)
    async with working(worker(queue, handler, Lane(1), Lane(1, Size.SMALL))):
        await queue.enqueue([new(Size.LARGE)])
        await asyncio.wait_for(asyncio.to_thread(large_runs.wait, 30), 30)
        await queue.enqueue([new(Size.SMALL)])
        await asyncio.wait_for(small_runs.wait(), 30)
        small_may_end.set()
        await asyncio.wait_for(large_ended.wait(), 30)
    assert order == ["small", "large"]


def test_a_large_job_goes_on_though_small_ones_never_end() -> None:
    priority = Priority(max_wait_seconds=0.01)
    priority.begin(Size.SMALL)
    job = Job(uuid4(), "queue", "work", uuid4(), None, {}, Size.LARGE, NOW, 1, uuid4(), timedelta())
    HeldLease(job, LEASE, priority, sent_at=0.0, monotonic=lambda: 0.0).checkpoint()
