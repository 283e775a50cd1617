"""Runs deletions: one job each, in batches, which goes on after a crash where the last batch ended."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from shared.access import Scope
from shared.clock import Clock, IdGenerator
from shared.erasure.steps import QUEUE, Erased, Erasing, Step
from shared.events.base import Event
from shared.events.deletions import (
    DELETION_REPORTED,
    DeletionKind,
    DeletionReported,
    DeletionRequested,
)
from shared.jobs.postgres import PostgresQueue
from shared.jobs.queue import Job, Jobs, Lease, LeaseLost, NewJob
from shared.jobs.retry import RetryPolicy
from shared.jobs.worker import Lane, Pace, Worker
from shared.kafka.outbox import PostgresOutbox
from shared.postgres.connection import Database
from shared.postgres.queries import Queries

ERASE = "erase"
PACE = Pace(timedelta(seconds=30), heartbeat_seconds=5.0)
# Deletions are never given up: whatever stops it is mended, and then it ends.
RETRY = RetryPolicy(2**31, first_delay=timedelta(seconds=1), max_delay=timedelta(minutes=5))
# Requests of an organization that were under way when it was deleted have ended by then.
GRACE = timedelta(seconds=3)

KEEP_COUNTS = "UPDATE jobs SET args = $3 WHERE id = $1 AND lease_token = $2"
FORGET_TURN = "DELETE FROM job_turns WHERE queue = $1 AND organization_id = $2"

Steps = Mapping[DeletionKind, Sequence[Step]]


async def accept(jobs: Jobs, event: Event[DeletionRequested]) -> None:
    """Enqueue the deletion of what this service has of the subject. The job has the id of the deletion."""
    deletion = event.payload
    in_organization = deletion.kind == "organization"
    job = NewJob(
        deletion.deletion_id,
        QUEUE,
        ERASE,
        deletion.deletion_id,
        event.organization_id,
        args={"deletion": deletion.model_dump(mode="json")},
        run_at=deletion.requested_at + GRACE if in_organization else None,
    )
    await jobs.enqueue([job])


class Eraser:
    """Handles the jobs of deletions. `steps` are repeated until a whole pass finds nothing."""

    def __init__(
        self,
        service: str,
        database: Database,
        queue: PostgresQueue,
        clock: Clock,
        new_id: IdGenerator,
        queries: Queries,
        steps: Steps,
    ) -> None:
        self._service = service
        self._database = database
        self._queue = queue
        self._clock = clock
        self._new_id = new_id
        self._queries = queries
        self._steps = steps

    def worker(self) -> Worker:
        return Worker(self._queue, QUEUE, {ERASE: self}, [Lane(1)], PACE, RETRY)

    async def run(self, job: Job, lease: Lease) -> None:
        deletion = DeletionRequested.model_validate(job.args["deletion"])
        counts = Counter[str](job.args.get("erased", {}))
        while await self._pass(job, lease, deletion, counts):
            await lease.turn()
        await self._finish(job, deletion, counts)

    async def put_back(self, job: Job, after: timedelta, *, counted: bool) -> None:
        async with self._database.transaction(Scope(organization_id=job.organization_id)) as connection:
            await self._queue.jobs(connection).retry(job, after, counted=counted)

    async def give_up(self, job: Job, error: Exception | None) -> None:
        await self.put_back(job, RETRY.max_delay, counted=True)

    async def _pass(self, job: Job, lease: Lease, deletion: DeletionRequested, counts: Counter[str]) -> bool:
        """Run all steps, and tell whether any of them found something."""
        before = counts.total()
        for step in self._steps[deletion.kind]:
            while await self._batch(job, deletion, step, counts):
                await lease.turn()
        return counts.total() > before

    async def _batch(self, job: Job, deletion: DeletionRequested, step: Step, counts: Counter[str]) -> bool:
        """Erase a batch and store the counts with it, so that a crash neither loses nor doubles them."""
        scope = _scope(job, deletion)
        await step.prepare(self._database, scope, deletion)
        async with self._database.transaction(scope) as connection:
            await self._queue.jobs(connection).hold(job)
            outbox = PostgresOutbox(connection, self._clock, self._new_id)
            erased = await step.erase(Erasing(connection, self._queries, outbox, deletion))
            after = counts + _counted(erased)
            if after != counts:
                await connection.execute(
                    "SELECT set_config('app.organization_id', $1, true)", str(job.organization_id or "")
                )
                args = {**job.args, "erased": dict(after)}
                if await connection.execute(KEEP_COUNTS, job.id, job.token, args) != "UPDATE 1":
                    raise LeaseLost(str(job.id))
        counts.update(after - counts)
        return erased.more

    async def _finish(self, job: Job, deletion: DeletionRequested, counts: Counter[str]) -> None:
        now = self._clock.now()
        async with self._database.transaction(Scope(organization_id=job.organization_id)) as connection:
            await self._queue.jobs(connection).complete(job)
            await connection.execute(FORGET_TURN, QUEUE, job.organization_id)
            report = self._report(deletion, counts, now)
            outbox = PostgresOutbox(connection, self._clock, self._new_id)
            await outbox.add(
                DELETION_REPORTED, deletion.subject_id, report, organization_id=job.organization_id
            )

    def _report(self, deletion: DeletionRequested, counts: Counter[str], now: datetime) -> DeletionReported:
        found = dict(sorted(counts.items()))
        return DeletionReported(
            **deletion.model_dump(),
            service=self._service,
            objects=found.pop(OBJECTS, 0),
            bytes=found.pop(BYTES, 0),
            rows=found,
            finished_at=now,
        )


# Beside tables, whose names begin with a letter.
OBJECTS, BYTES = "#objects", "#bytes"


def _counted(erased: Erased) -> Counter[str]:
    return +Counter({**erased.rows, OBJECTS: erased.objects, BYTES: erased.bytes})


def _scope(job: Job, deletion: DeletionRequested) -> Scope:
    user_id = deletion.subject_id if deletion.kind == "user" else None
    return Scope(organization_id=job.organization_id, user_id=user_id)
