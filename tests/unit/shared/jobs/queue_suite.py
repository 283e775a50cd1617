"""The tests that every queue must pass, both in memory and in PostgreSQL."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID, uuid4

import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext

from shared.jobs.queue import Job, Jobs, LeaseLost, NewJob, Queue, Size

LEASE = timedelta(minutes=1)
# A lease that expires immediately, as if its worker had died.
ENDED = timedelta(seconds=-1)
BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
TRACE_ID = 0x0AF7651916CD43DD8448EB211C80319C


def a_span() -> Span:
    return NonRecordingSpan(SpanContext(TRACE_ID, span_id=7, is_remote=False))


class QueuePlace(Protocol):
    """A queue, and transactions on it."""

    @property
    def queue(self) -> Queue: ...

    def transaction(self, organization_id: UUID | None) -> AbstractAsyncContextManager[Jobs]: ...


class QueueSuite:
    """Subclasses provide the fixture `place`. Each test has its own queue name."""

    @pytest.fixture
    def name(self) -> str:
        return f"queue-{uuid4().hex[:12]}"

    async def test_a_job_is_claimed_once_with_all_that_it_carries(self, place: QueuePlace, name: str) -> None:
        wanted = job(name, args={"process_order": 3}, size=Size.LARGE)
        await enqueue(place, wanted)
        [claimed] = await claim(place, name, 5)
        assert (claimed.id, claimed.queue, claimed.kind) == (wanted.id, name, "work")
        assert (claimed.subject_id, claimed.organization_id) == (wanted.subject_id, wanted.organization_id)
        assert (claimed.args, claimed.size, claimed.attempt) == ({"process_order": 3}, Size.LARGE, 1)
        assert claimed.waited >= timedelta()
        assert await claim(place, name) == []

    async def test_a_job_carries_the_trace_of_whoever_enqueues_it(self, place: QueuePlace, name: str) -> None:
        with trace.use_span(a_span()):
            await enqueue(place, job(name, args={"process_order": 3}))
        [claimed] = await claim(place, name)
        assert claimed.args["process_order"] == 3
        assert claimed.args["traceparent"].split("-")[1] == f"{TRACE_ID:032x}"

    async def test_a_job_of_the_installation_has_no_organization(self, place: QueuePlace, name: str) -> None:
        await enqueue(place, job(name, None))
        [claimed] = await claim(place, name)
        assert claimed.organization_id is None
        async with place.transaction(None) as jobs:
            await jobs.complete(claimed)

    async def test_a_known_job_is_not_enqueued_again(self, place: QueuePlace, name: str) -> None:
        wanted = job(name)
        await enqueue(place, wanted)
        await enqueue(place, wanted)
        assert len(await claim(place, name, 5)) == 1

    async def test_a_job_waits_until_it_is_due(self, place: QueuePlace, name: str) -> None:
        await enqueue(place, job(name, run_at=datetime(2999, 1, 1, tzinfo=UTC)))
        assert await claim(place, name) == []
        depth = await place.queue.depth(name)
        assert (depth.waiting, depth.running, depth.oldest) == (1, 0, timedelta())

    async def test_a_completed_job_is_gone(self, place: QueuePlace, name: str) -> None:
        claimed = await one(place, name)
        async with place.transaction(claimed.organization_id) as jobs:
            await jobs.hold(claimed)
            await jobs.complete(claimed)
        assert await claim(place, name) == []
        await is_lost(place, claimed)

    async def test_a_job_given_back_is_claimed_again(self, place: QueuePlace, name: str) -> None:
        claimed = await one(place, name)
        await place.queue.retry(claimed, timedelta())
        await is_lost(place, claimed)
        [again] = await claim(place, name)
        assert (again.id, again.attempt) == (claimed.id, 2)
        await place.queue.retry(again, timedelta(), counted=False)
        [third] = await claim(place, name)
        assert third.attempt == 2

    async def test_a_job_given_back_may_grow(self, place: QueuePlace, name: str) -> None:
        claimed = await one(place, name)
        await place.queue.retry(claimed, timedelta(), size=Size.LARGE)
        assert await place.queue.claim(name, 1, lease=LEASE, max_size=Size.SMALL) == []
        [again] = await claim(place, name)
        assert again.size is Size.LARGE

    async def test_a_job_given_back_for_later_waits(self, place: QueuePlace, name: str) -> None:
        claimed = await one(place, name)
        async with place.transaction(claimed.organization_id) as jobs:
            await jobs.retry(claimed, timedelta(hours=1))
        assert await claim(place, name) == []

    async def test_a_living_lease_is_respected(self, place: QueuePlace, name: str) -> None:
        claimed = await one(place, name)
        assert await claim(place, name) == []
        assert await place.queue.heartbeat([claimed], LEASE) == {claimed.id}

    async def test_a_dead_workers_job_is_rescued(self, place: QueuePlace, name: str) -> None:
        dead = await one(place, name, lease=ENDED)
        [rescued] = await claim(place, name)
        assert (rescued.id, rescued.attempt) == (dead.id, 2)
        assert rescued.token != dead.token
        # The worker that seemed dead wakes up; its writes are rejected.
        await is_lost(place, dead)
        assert await place.queue.heartbeat([dead, rescued], LEASE) == {rescued.id}

    async def test_a_heartbeat_in_time_keeps_the_job(self, place: QueuePlace, name: str) -> None:
        claimed = await one(place, name, lease=ENDED)
        assert await place.queue.heartbeat([claimed], LEASE) == {claimed.id}
        assert await claim(place, name) == []

    async def test_a_cancelled_job_is_lost_to_whoever_has_it(self, place: QueuePlace, name: str) -> None:
        organization = uuid4()
        subject = uuid4()
        await enqueue(place, *(job(name, organization, subject_id=subject) for _ in range(2)))
        [claimed] = await claim(place, name)
        async with place.transaction(organization) as jobs:
            assert await jobs.cancel([subject], but=claimed) == 1
            assert await jobs.cancel([subject]) == 1
        await is_lost(place, claimed)
        assert await place.queue.heartbeat([claimed], LEASE) == set()
        assert await claim(place, name) == []

    async def test_of_many_claims_at_once_each_job_goes_to_one(self, place: QueuePlace, name: str) -> None:
        await enqueue(place, *(job(name, uuid4()) for _ in range(12)))
        claims = await asyncio.gather(*(claim(place, name, 3) for _ in range(6)))
        ids = [claimed.id for taken in claims for claimed in taken]
        assert len(ids) == len(set(ids)) == 12

    async def test_the_oldest_goes_first(self, place: QueuePlace, name: str) -> None:
        organization = uuid4()
        jobs = [job(name, organization, run_at=BEGIN + timedelta(days=day)) for day in (2, 0, 1)]
        await enqueue(place, *jobs)
        assert [one.id for one in await claim(place, name, 3)] == [jobs[1].id, jobs[2].id, jobs[0].id]

    async def test_a_small_job_goes_before_large_ones(self, place: QueuePlace, name: str) -> None:
        organization = uuid4()
        large = [job(name, organization, size=Size.LARGE, run_at=BEGIN) for _ in range(3)]
        small = job(name, organization)
        await enqueue(place, *large, small)
        assert [one.id for one in await claim(place, name)] == [small.id]

    async def test_a_claim_of_small_jobs_leaves_large_ones(self, place: QueuePlace, name: str) -> None:
        await enqueue(place, job(name, size=Size.LARGE))
        assert await place.queue.claim(name, 1, lease=LEASE, max_size=Size.SMALL) == []

    async def test_an_organization_with_less_running_goes_first(self, place: QueuePlace, name: str) -> None:
        busy, idle = uuid4(), uuid4()
        await enqueue(place, *(job(name, busy, run_at=BEGIN) for _ in range(5)))
        await claim(place, name, 2)
        await enqueue(place, *(job(name, idle) for _ in range(5)))
        taken = Counter(one.organization_id for one in await claim(place, name, 4))
        assert taken == {idle: 3, busy: 1}

    async def test_organizations_take_turns_though_nothing_runs(self, place: QueuePlace, name: str) -> None:
        """With one worker, an organization with a hundred jobs does not run all of them first."""
        first, second = uuid4(), uuid4()
        await enqueue(place, *(job(name, first, run_at=BEGIN) for _ in range(4)))
        await enqueue(place, *(job(name, second) for _ in range(4)))
        turns = []
        for _ in range(6):
            [claimed] = await claim(place, name)
            turns.append(claimed.organization_id)
            async with place.transaction(claimed.organization_id) as jobs:
                await jobs.complete(claimed)
        assert turns == [first, second] * 3

    async def test_no_organization_gets_more_than_its_share(self, place: QueuePlace, name: str) -> None:
        greedy, modest = uuid4(), uuid4()
        await enqueue(place, *(job(name, greedy, run_at=BEGIN) for _ in range(5)), job(name, modest))
        taken = await place.queue.claim(name, 10, lease=LEASE, per_organization=2)
        assert Counter(one.organization_id for one in taken) == {greedy: 2, modest: 1}
        assert await place.queue.claim(name, 10, lease=LEASE, per_organization=2) == []
        async with place.transaction(greedy) as jobs:
            await jobs.complete(next(one for one in taken if one.organization_id == greedy))
        [next_one] = await place.queue.claim(name, 10, lease=LEASE, per_organization=2)
        assert next_one.organization_id == greedy

    async def test_depth_counts_what_waits_and_what_runs(self, place: QueuePlace, name: str) -> None:
        await enqueue(place, *(job(name) for _ in range(3)))
        await claim(place, name)
        depth = await place.queue.depth(name)
        assert (depth.waiting, depth.running) == (2, 1)
        assert depth.oldest >= timedelta()

    async def test_an_enqueued_job_wakes_who_listens(self, place: QueuePlace, name: str) -> None:
        woken, listening = asyncio.Event(), asyncio.Event()
        listener = asyncio.create_task(place.queue.listen(woken.set, listening.set))
        try:
            await asyncio.wait_for(listening.wait(), 30)
            await enqueue(place, job(name))
            await asyncio.wait_for(woken.wait(), 30)
        finally:
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)


def job(queue: str, organization: UUID | str | None = "", **fields: Any) -> NewJob:
    """A new job. It belongs to a new organization unless one is given."""
    organization_id = uuid4() if isinstance(organization, str) else organization
    return NewJob(
        id=uuid4(),
        queue=queue,
        kind="work",
        organization_id=organization_id,
        **{"subject_id": uuid4(), **fields},
    )


async def enqueue(place: QueuePlace, *jobs: NewJob) -> None:
    """Enqueue the jobs in this order, each in its own transaction."""
    for new in jobs:
        async with place.transaction(new.organization_id) as unit:
            await unit.enqueue([new])


async def claim(place: QueuePlace, name: str, wanted: int = 1, *, lease: timedelta = LEASE) -> Sequence[Job]:
    return await place.queue.claim(name, wanted, lease=lease)


async def one(place: QueuePlace, name: str, *, lease: timedelta = LEASE) -> Job:
    """Enqueue a job and claim it."""
    await enqueue(place, job(name))
    [claimed] = await claim(place, name, lease=lease)
    return claimed


async def is_lost(place: QueuePlace, claimed: Job) -> None:
    """Assert that every write with this lease is rejected."""
    with pytest.raises(LeaseLost):
        async with place.transaction(claimed.organization_id) as jobs:
            await jobs.hold(claimed)
    with pytest.raises(LeaseLost):
        async with place.transaction(claimed.organization_id) as jobs:
            await jobs.complete(claimed)
    with pytest.raises(LeaseLost):
        await place.queue.retry(claimed, timedelta())
