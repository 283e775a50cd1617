"""The queue of one transaction in memory."""

from collections.abc import Sequence
from dataclasses import replace

from shared.access import Scope
from shared.jobs.memory import MemoryQueue
from shared.jobs.queue import NewJob


class FakeJobs:
    """The queue of one transaction: jobs belong to its organization."""

    def __init__(self, queue: MemoryQueue, scope: Scope) -> None:
        self._scope = scope
        self.hold, self.complete, self.retry = queue.hold, queue.complete, queue.retry
        self.cancel, self._enqueue = queue.cancel, queue.enqueue

    async def enqueue(self, jobs: Sequence[NewJob]) -> None:
        mine = self._scope.organization_id
        await self._enqueue([replace(job, organization_id=job.organization_id or mine) for job in jobs])
