"""The queue in PostgreSQL. Leases and due times follow the clock of the database, for all workers."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from shared.access import Scope
from shared.jobs.queue import INSTALLATION, Depth, Job, LeaseLost, NewJob, Size, traced
from shared.postgres.connection import Connection, Database
from shared.postgres.queries import load_queries


class PostgresJobs:
    """The queue within a transaction of the job's organization."""

    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def enqueue(self, jobs: Sequence[NewJob]) -> None:
        await self._queries.enqueue_jobs(
            self._connection,
            ids=[job.id for job in jobs],
            queues=[job.queue for job in jobs],
            kinds=[job.kind for job in jobs],
            organizations=[job.organization_id for job in jobs],
            installation=INSTALLATION,
            subjects=[job.subject_id for job in jobs],
            args=[orjson.dumps(traced(job.args)).decode() for job in jobs],
            sizes=[int(job.size) for job in jobs],
            run_ats=[job.run_at for job in jobs],
        )

    async def hold(self, job: Job) -> None:
        _ours(job, await self._queries.hold_job(self._connection, id=job.id, token=job.token))

    async def complete(self, job: Job) -> None:
        _ours(job, await self._queries.complete_job(self._connection, id=job.id, token=job.token))

    async def retry(
        self, job: Job, after: timedelta, *, counted: bool = True, size: Size | None = None
    ) -> None:
        given_back = await self._queries.retry_job(
            self._connection,
            id=job.id,
            token=job.token,
            after=after,
            counted=counted,
            size=None if size is None else int(size),
        )
        _ours(job, given_back)

    async def cancel(self, subject_ids: Sequence[UUID], *, but: Job | None = None) -> int:
        removed = self._queries.cancel_jobs(
            self._connection, subject_ids=list(subject_ids), but=but.id if but else None
        )
        return len([row async for row in removed])


class PostgresQueue:
    """The queue of a service. `service` is the name of its schema."""

    def __init__(self, database: Database, *, service: str) -> None:
        self._database = database
        self._channel = f"{service}_jobs"
        self._queries = load_queries(__file__)

    def jobs(self, connection: Connection) -> PostgresJobs:
        """The queue within the transaction of the connection."""
        return PostgresJobs(connection, self._queries)

    async def claim(
        self,
        queue: str,
        wanted: int,
        *,
        lease: timedelta,
        max_size: Size = Size.LARGE,
        per_organization: int | None = None,
    ) -> Sequence[Job]:
        async with self._database.transaction(Scope()) as connection:
            claimed = self._queries.claim_jobs(
                connection,
                queue=queue,
                wanted=wanted,
                max_size=int(max_size),
                per_organization=per_organization,
                lease=lease,
            )
            return [_job(row) async for row in claimed]

    async def heartbeat(self, jobs: Sequence[Job], lease: timedelta) -> set[UUID]:
        async with self._database.transaction(Scope()) as connection:
            held = self._queries.heartbeat_jobs(
                connection, ids=[job.id for job in jobs], tokens=[job.token for job in jobs], lease=lease
            )
            return {row["id"] async for row in held}

    async def retry(
        self, job: Job, after: timedelta, *, counted: bool = True, size: Size | None = None
    ) -> None:
        async with self._database.transaction(Scope(organization_id=job.organization_id)) as connection:
            await self.jobs(connection).retry(job, after, counted=counted, size=size)

    async def depth(self, queue: str) -> Depth:
        async with self._database.transaction(Scope()) as connection:
            row = await self._queries.queue_depth(connection, queue=queue)
        return Depth(row["waiting"], row["running"], row["oldest"])

    async def listen(self, wake: Callable[[], None], listening: Callable[[], None]) -> None:
        connection = await self._database.connect()
        broken = asyncio.Event()
        try:
            connection.add_termination_listener(lambda *_: broken.set())
            await connection.add_listener(self._channel, lambda *_: wake())
            listening()
            await broken.wait()
            raise asyncpg.InterfaceError("the connection that listens for job notifications was closed")
        finally:
            await connection.close()


def _ours(job: Job, answer: object) -> None:
    if answer is not True:
        raise LeaseLost(f"{job.kind} {job.subject_id}")


def _job(row: asyncpg.Record) -> Job:
    organization_id = row["organization_id"]
    return Job(
        id=row["id"],
        queue=row["queue"],
        kind=row["kind"],
        subject_id=row["subject_id"],
        organization_id=None if organization_id == INSTALLATION else organization_id,
        args=row["args"],
        size=Size(row["size"]),
        run_at=row["run_at"],
        attempt=row["attempts"],
        token=row["lease_token"],
        waited=row["waited"],
    )
