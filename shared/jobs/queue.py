"""What a job is, and what a queue of jobs can do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any, ParamSpec, Protocol, TypeVar
from uuid import UUID

from opentelemetry.propagate import inject

P = ParamSpec("P")
T = TypeVar("T")
# Work of the installation itself, such as mail about an account, counts as one organization's.
INSTALLATION = UUID(int=0)


class LeaseLost(Exception):
    """The job was cancelled, or another worker has it: stop, and leave everything alone."""


class Size(IntEnum):
    """Small jobs do not wait for large ones."""

    SMALL = 0
    LARGE = 1


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be done about `subject_id`. `args` hold ids and places, never data of a tenant.

    Without an `organization_id` the job belongs to the organization of the transaction that enqueues it, and
    to the installation if that has none.
    A queue adds the trace that the job belongs to.
    """

    id: UUID
    queue: str
    kind: str
    subject_id: UUID
    organization_id: UUID | None = None
    args: Mapping[str, Any] = field(default_factory=dict)
    size: Size = Size.SMALL
    # When it is due; among due jobs of equal rank the oldest goes first. None means now.
    run_at: datetime | None = None


def traced(args: Mapping[str, Any]) -> dict[str, Any]:
    """`args` with the current trace, if there is one, so that the work is seen as part of it."""
    carrier = dict(args)
    inject(carrier)
    return carrier


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed job: `attempt` counts from 1, `token` proves the lease, `waited` is how long it was due."""

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
    """How much of a queue waits, how much is being done, and how long the oldest due job has waited."""

    waiting: int
    running: int
    oldest: timedelta


class Jobs(Protocol):
    """The queue inside a transaction: what is said here holds if, and only if, the transaction commits."""

    async def enqueue(self, jobs: Sequence[NewJob]) -> None:
        """Add jobs; one whose id is known changes nothing."""
        ...

    async def hold(self, job: Job) -> None:
        """Make sure that the lease is ours until the transaction ends. Raises LeaseLost."""
        ...

    async def complete(self, job: Job) -> None:
        """End the job. Raises LeaseLost when it is no longer ours; then the transaction must not commit."""
        ...

    async def retry(
        self, job: Job, after: timedelta, *, counted: bool = True, size: Size | None = None
    ) -> None:
        """Give the job back, due after a while. An attempt that was cut short from outside is not `counted`.

        One that turned out to be larger than it looked gets another `size`. Raises LeaseLost when the job
        is no longer ours.
        """
        ...

    async def cancel(self, subject_ids: Sequence[UUID], *, but: Job | None = None) -> int:
        """Remove all jobs about these subjects, claimed ones too, `but` one, and give their number."""
        ...


class Queue(Protocol):
    """The queue of a whole service, over all organizations."""

    async def claim(
        self,
        queue: str,
        wanted: int,
        *,
        lease: timedelta,
        max_size: Size = Size.LARGE,
        per_organization: int | None = None,
    ) -> Sequence[Job]:
        """Take up to `wanted` due jobs, fairly.

        The next job is that of the organization with the fewest running jobs, then the smaller one, then that
        of the organization whose turn was longest ago, then the oldest. Leases that have ended are rescued
        first: their jobs are due again. No organization gets more than `per_organization` running jobs.
        """
        ...

    async def heartbeat(self, jobs: Sequence[Job], lease: timedelta) -> set[UUID]:
        """Renew the leases, and give the ids of the jobs that are still ours."""
        ...

    async def retry(
        self, job: Job, after: timedelta, *, counted: bool = True, size: Size | None = None
    ) -> None:
        """As `Jobs.retry`, in a transaction of its own."""
        ...

    async def depth(self, queue: str) -> Depth: ...

    async def listen(self, wake: Callable[[], None], listening: Callable[[], None]) -> None:
        """Call `wake` whenever a job is enqueued, until cancelled or the connection breaks (which raises).

        `listening` is called once notifications arrive. They only save time: who listens polls as well.
        """
        ...


class Lease(Protocol):
    """What running work sees of its lease."""

    def checkpoint(self) -> None:
        """Let smaller jobs go first, for a bounded time. Raises LeaseLost. Blocks: for threads."""
        ...

    async def turn(self) -> None:
        """The same for work on the event loop."""
        ...

    async def compute(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the function gives, run in a thread; threads of large jobs leave the processor to others."""
        ...


class JobHandler(Protocol):
    """Does the jobs of one kind."""

    async def run(self, job: Job, lease: Lease) -> None:
        """Do the job and end it (`complete`, `retry`) in the transaction that writes its result."""
        ...

    async def put_back(self, job: Job, after: timedelta, *, counted: bool) -> None:
        """Give the job back after an error or a shutdown. Raises LeaseLost when it is no longer ours."""
        ...

    async def give_up(self, job: Job, error: Exception | None) -> None:
        """End the job badly after its last attempt; None means that its workers died of it.

        Raises LeaseLost when it is no longer ours.
        """
        ...
