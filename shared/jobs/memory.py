"""An in-memory queue that behaves like the one in PostgreSQL, for tests without a server."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from shared.clock import Clock, IdGenerator, time_ordered_id
from shared.jobs.queue import Depth, Job, LeaseLost, NewJob, Size, traced

NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class _Row:
    job: NewJob
    order: int
    run_at: datetime
    enqueued_at: datetime
    attempts: int = 0
    token: UUID | None = None
    until: datetime = NEVER

    @property
    def due(self) -> datetime:
        return max(self.run_at, self.enqueued_at)


class MemoryQueue:
    """Implements both Queue and Jobs. There are no transactions: every change takes effect immediately."""

    def __init__(self, clock: Clock, new_id: IdGenerator = time_ordered_id) -> None:
        self._clock = clock
        self._new_id = new_id
        self._rows: dict[UUID, _Row] = {}
        self._turns: dict[tuple[str, UUID | None], datetime] = {}
        self._order = itertools.count()
        self._listeners: set[Callable[[], None]] = set()

    async def enqueue(self, jobs: Sequence[NewJob]) -> None:
        now = self._clock.now()
        for job in jobs:
            kept = replace(job, args=traced(job.args))
            self._rows.setdefault(job.id, _Row(kept, next(self._order), job.run_at or now, now))
        for wake in list(self._listeners):
            wake()

    async def hold(self, job: Job) -> None:
        self._ours(job)

    async def complete(self, job: Job) -> None:
        self._ours(job)
        del self._rows[job.id]

    async def retry(
        self, job: Job, after: timedelta, *, counted: bool = True, size: Size | None = None
    ) -> None:
        row = self._ours(job)
        row.token, row.run_at = None, self._clock.now() + after
        row.attempts -= 0 if counted else 1
        row.job = replace(row.job, size=row.job.size if size is None else size)

    async def cancel(self, subject_ids: Sequence[UUID], *, but: Job | None = None) -> int:
        kept = but.id if but else None
        removed = [
            row.job.id
            for row in self._rows.values()
            if row.job.subject_id in subject_ids and row.job.id != kept
        ]
        for job_id in removed:
            del self._rows[job_id]
        return len(removed)

    async def claim(
        self,
        queue: str,
        wanted: int,
        *,
        lease: timedelta,
        max_size: Size = Size.LARGE,
        per_organization: int | None = None,
    ) -> Sequence[Job]:
        now = self._clock.now()
        rows = [row for row in self._rows.values() if row.job.queue == queue]
        for row in rows:
            if row.token is not None and row.until < now:
                row.token = None
        claimed: list[Job] = []
        while len(claimed) < wanted:
            running = Counter(row.job.organization_id for row in rows if row.token is not None)
            waiting = [
                row
                for row in rows
                if row.token is None
                and row.run_at <= now
                and row.job.size <= max_size
                and (per_organization is None or running[row.job.organization_id] < per_organization)
            ]
            if not waiting:
                break
            claimed.append(self._take(min(waiting, key=lambda row: self._rank(row, running)), now, lease))
        return claimed

    async def heartbeat(self, jobs: Sequence[Job], lease: timedelta) -> set[UUID]:
        held = [row for job in jobs if (row := self._rows.get(job.id)) and row.token == job.token]
        for row in held:
            row.until = self._clock.now() + lease
        return {row.job.id for row in held}

    async def depth(self, queue: str) -> Depth:
        now = self._clock.now()
        rows = [row for row in self._rows.values() if row.job.queue == queue]
        due = [row.due for row in rows if row.token is None and row.run_at <= now]
        running = sum(row.token is not None for row in rows)
        return Depth(len(rows) - running, running, now - min(due) if due else timedelta())

    async def listen(self, wake: Callable[[], None], listening: Callable[[], None]) -> None:
        self._listeners.add(wake)
        listening()
        try:
            await asyncio.Event().wait()
        finally:
            self._listeners.discard(wake)

    def _rank(self, row: _Row, running: Counter[UUID | None]) -> tuple[int, Size, datetime, datetime, int]:
        turn = self._turns.get((row.job.queue, row.job.organization_id), NEVER)
        return running[row.job.organization_id], row.job.size, turn, row.run_at, row.order

    def _take(self, row: _Row, now: datetime, lease: timedelta) -> Job:
        row.token, row.until = self._new_id(), now + lease
        row.attempts += 1
        # Turns must be ordered even if the clock stands still between them.
        turn = max(now, *self._turns.values()) if self._turns else now
        self._turns[row.job.queue, row.job.organization_id] = turn + timedelta(microseconds=1)
        return Job(
            id=row.job.id,
            queue=row.job.queue,
            kind=row.job.kind,
            subject_id=row.job.subject_id,
            organization_id=row.job.organization_id,
            args=row.job.args,
            size=row.job.size,
            run_at=row.run_at,
            attempt=row.attempts,
            token=row.token,
            waited=now - row.due,
        )

    def _ours(self, job: Job) -> _Row:
        row = self._rows.get(job.id)
        if row is None or row.token != job.token:
            raise LeaseLost(f"{job.kind} {job.subject_id}")
        return row
