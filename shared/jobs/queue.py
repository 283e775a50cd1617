"""Jobs, and the interfaces of a job queue."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any, ParamSpec, Protocol, TypeVar
from uuid import UUID

from opentelemetry.propagate import inject

P = ParamSpec("P")
T = TypeVar("T")
# Jobs of the installation itself, such as mail about an account, are scheduled as those of one organization.
INSTALLATION = UUID(int=0)


class LeaseLost(Exception):
    """The job was cancelled, or another worker has claimed it. Stop, and write nothing."""


class Size(IntEnum):
    """The size class of a job. Small jobs do not wait for large ones."""

    SMALL = 0
    LARGE = 1


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job about `subject_id`, to be enqueued. `args` contain ids and positions, never data of a tenant.

    Without an `organization_id` the job belongs to the organization of the transaction that enqueues it, or
    to the installation if the transaction has none. The queue adds the trace context of the caller.
    """

    id: UUID
    queue: str
    kind: str
    subject_id: UUID
    organization_id: UUID | None = None
    args: Mapping[str, Any] = field(default_factory=dict)
    size: Size = Size.SMALL
    # When the job is due; None means now. Among jobs of equal rank, the one due first is claimed first.
    run_at: datetime | None = None


def traced(args: Mapping[str, Any]) -> dict[str, Any]:
    """`args` with the current trace context, if there is one, so that the job continues the trace."""
    carrier = dict(args)
    inject(carrier)
    return carrier


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed job. `attempt` counts from 1, `token` proves the lease, `waited` is how long it was due."""

    id: UUID
    queue: str
    kind: str
    subject_id: UUID
    organization_id: UUID | None
    args: Mapping[str, Any]
    size: Size
    run_at: datetime
    attempt: int
    token: UUID
    waited: timedelta


@dataclass(frozen=True, slots=True)
class Depth:
    """The number of waiting and running jobs of a queue, and how long the oldest due job has waited."""

    waiting: int
    running: int
    oldest: timedelta


class Jobs(Protocol):
    """The queue within a transaction. Changes take effect if, and only if, the transaction commits."""

    async def enqueue(self, jobs: Sequence[NewJob]) -> None:
        """Add jobs. A job whose id already exists is ignored."""
        ...

    async def hold(self, job: Job) -> None:
        """Hold the lease until the transaction ends. Raises LeaseLost if it is no longer ours."""
        ...

    async def complete(self, job: Job) -> None:
        """End the job. Raises LeaseLost if it is no longer ours; the transaction must not commit then."""
        ...

    async def retry(
        self, job: Job, after: timedelta, *, counted: bool = True, size: Size | None = None
    ) -> None:
        """Put the job back into the queue, due `after` a delay. Raises LeaseLost if it is no longer ours.

        An attempt that was interrupted, for example by a shutdown, is not `counted`. `size` changes the size
        class of a job that turned out to be larger than expected.
        """
        ...

    async def cancel(self, subject_ids: Sequence[UUID], *, but: Job | None = None) -> int:
        """Delete all jobs about these subjects, running ones too, except `but`. Returns how many."""
        ...


class Queue(Protocol):
    """The queue of a service, across all organizations."""

    async def claim(
        self,
        queue: str,
        wanted: int,
        *,
        lease: timedelta,
        max_size: Size = Size.LARGE,
        per_organization: int | None = None,
    ) -> Sequence[Job]:
        """Claim up to `wanted` due jobs, fairly.

        Jobs are ranked by the number of running jobs of their organization, then by size, then by how long
        ago their organization had a job claimed, then by age. Jobs whose lease has expired are rescued
        first: they become due again. No organization gets more than `per_organization` running jobs.
        """
        ...

    async def heartbeat(self, jobs: Sequence[Job], lease: timedelta) -> set[UUID]:
        """Renew the leases, and return the ids of the jobs that are still ours."""
        ...

    async def retry(
        self, job: Job, after: timedelta, *, counted: bool = True, size: Size | None = None
    ) -> None:
        """Like `Jobs.retry`, in a separate transaction."""
        ...

    async def depth(self, queue: str) -> Depth: ...

    async def listen(self, wake: Callable[[], None], listening: Callable[[], None]) -> None:
        """Call `wake` whenever a job is enqueued. Runs until cancelled; raises if the connection is closed.

        `listening` is called once the subscription is active. Notifications may be lost, so callers must
        poll, too.
        """
        ...


class Lease(Protocol):
    """The lease of a job, as its handler sees it."""

    def checkpoint(self) -> None:
        """Pause a large job while small ones run, for a bounded time. Blocks the thread. Raises LeaseLost."""
        ...

    async def turn(self) -> None:
        """Like `checkpoint`, for code on the event loop."""
        ...

    async def compute(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run the function in a thread and return its result. Large jobs get threads of low priority."""
        ...


class JobHandler(Protocol):
    """Runs the jobs of one kind."""

    async def run(self, job: Job, lease: Lease) -> None:
        """Run the job, and end it (`complete` or `retry`) in the transaction that writes its result."""
        ...

    async def put_back(self, job: Job, after: timedelta, *, counted: bool) -> None:
        """Put the job back after an error or a shutdown. Raises LeaseLost if it is no longer ours."""
        ...

    async def give_up(self, job: Job, error: Exception | None) -> None:
        """End the job as failed after its last attempt. Without an `error`, its workers died.

        Raises LeaseLost if the job is no longer ours.
        """
        ...
