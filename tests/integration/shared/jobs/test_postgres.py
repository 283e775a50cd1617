"""The queue in PostgreSQL passes the common suite, and keeps its guarantees under concurrency."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from shared.access import Scope
from shared.jobs.postgres import PostgresQueue
from shared.jobs.queue import Jobs, LeaseLost
from shared.postgres.connection import Database
from tests.support.installation import TestDatabase
from tests.unit.shared.jobs.queue_suite import LEASE, QueueSuite, claim, enqueue, job, one

SERVICE = "analysis"


class PostgresPlace:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.queue = PostgresQueue(database, service=SERVICE)

    @asynccontextmanager
    async def transaction(self, organization_id: UUID | None) -> AsyncIterator[Jobs]:
        async with self.database.transaction(Scope(organization_id=organization_id)) as connection:
            yield self.queue.jobs(connection)


@pytest.fixture(scope="module")
async def opened(database: TestDatabase) -> AsyncIterator[Database]:
    async with Database(database.dsn(SERVICE), service=SERVICE, pool_size=8) as pool:
        yield pool


@pytest.fixture
def place(opened: Database) -> PostgresPlace:
    return PostgresPlace(opened)


@pytest.fixture
def name() -> str:
    return f"queue-{uuid4().hex[:12]}"


class TestPostgres(QueueSuite):
    @pytest.fixture
    def place(self, opened: Database) -> PostgresPlace:
        return PostgresPlace(opened)


async def test_a_held_lease_is_not_rescued_before_the_transaction_ends(
    place: PostgresPlace, name: str
) -> None:
    """A result that is being written takes effect, although its lease expires in the meantime."""
    dying = await one(place, name, lease=timedelta(seconds=-1))
    async with place.transaction(dying.organization_id) as jobs:
        await jobs.hold(dying)
        assert await claim(place, name) == []
        await jobs.complete(dying)
    assert await claim(place, name) == []


async def test_a_job_completed_in_a_failed_transaction_is_still_pending(
    place: PostgresPlace, name: str
) -> None:
    claimed = await one(place, name)

    async def complete_and_fail() -> None:
        async with place.transaction(claimed.organization_id) as jobs:
            await jobs.complete(claimed)
            raise RuntimeError("the result could not be written")

    with pytest.raises(RuntimeError):
        await complete_and_fail()
    assert await place.queue.heartbeat([claimed], LEASE) == {claimed.id}


async def test_another_organization_can_neither_see_nor_end_a_job(place: PostgresPlace, name: str) -> None:
    claimed = await one(place, name)
    with pytest.raises(LeaseLost):
        async with place.transaction(uuid4()) as jobs:
            await jobs.complete(claimed)
    async with place.transaction(uuid4()) as jobs:
        assert await jobs.cancel([claimed.subject_id]) == 0
    assert await place.queue.heartbeat([claimed], LEASE) == {claimed.id}


async def test_claims_under_load_never_exceed_an_organizations_share(place: PostgresPlace, name: str) -> None:
    """Concurrent claims must not both count zero running jobs."""
    organization = uuid4()
    await enqueue(place, *(job(name, organization) for _ in range(10)))
    claims = await asyncio.gather(
        *(place.queue.claim(name, 5, lease=LEASE, per_organization=3) for _ in range(6))
    )
    assert sum(len(taken) for taken in claims) == 3


async def test_a_job_that_names_no_organization_is_that_of_its_transaction(
    place: PostgresPlace, name: str
) -> None:
    organization = uuid4()
    async with place.transaction(organization) as jobs:
        await jobs.enqueue([job(name, None)])
    [claimed] = await claim(place, name)
    assert claimed.organization_id == organization
