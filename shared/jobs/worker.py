"""The worker: claims jobs, renews their leases, and makes sure that every job is ended or put back."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import structlog
from opentelemetry import metrics, trace
from opentelemetry.propagate import extract

from shared.jobs.leases import HeldLease, Priority
from shared.jobs.loop import Loop
from shared.jobs.queue import Job, JobHandler, Lease, LeaseLost, Queue, Size
from shared.jobs.retry import RetryPolicy

# Notifications wake workers immediately. Polling finds jobs whose notification was lost, retries that have
# become due, and jobs of dead workers.
POLL_SECONDS = 1.0
MEASURE_SECONDS = 5.0

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Lane:
    """A number of jobs that run concurrently, and the maximum size of each."""

    concurrency: int
    max_size: Size = Size.LARGE


@dataclass(frozen=True, slots=True)
class Pace:
    """How a worker claims jobs and renews leases. Without a heartbeat for `lease`, it counts as dead."""

    lease: timedelta
    heartbeat_seconds: float
    per_organization: int | None = None
    poll_seconds: float = POLL_SECONDS


class Unhandled:
    """Puts jobs of a kind that this version does not know back, for workers of another version."""

    def __init__(self, queue: Queue, wait: timedelta) -> None:
        self._queue = queue
        self._wait = wait

    async def run(self, job: Job, _lease: Lease) -> None:
        logger.error("job of an unknown kind put back", queue=job.queue, kind=job.kind)
        await self._queue.retry(job, self._wait, counted=False)

    async def put_back(self, job: Job, after: timedelta, *, counted: bool) -> None:
        await self._queue.retry(job, after, counted=False)

    async def give_up(self, job: Job, _error: Exception | None) -> None:
        await self._queue.retry(job, self._wait, counted=False)


class Worker:
    """Runs the jobs of one queue. `handlers` are keyed by the kind of job."""

    def __init__(
        self,
        queue: Queue,
        name: str,
        handlers: Mapping[str, JobHandler],
        lanes: Sequence[Lane],
        pace: Pace,
        retry: RetryPolicy,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue = queue
        self._name = name
        self._handlers = handlers
        self._lanes = lanes
        self._pace = pace
        self._retry = retry
        self._monotonic = monotonic
        self._priority = Priority()
        self._unhandled = Unhandled(queue, pace.lease)
        self._running: dict[asyncio.Task[None], tuple[Lane, HeldLease]] = {}
        self._wake = asyncio.Event()
        self._claiming = Loop(f"{name} worker", self._claim_and_wait)
        self._listening = Loop(f"{name} listener", self._listen)
        self._beating = Loop(f"{name} heartbeat", self._heartbeat, every=pace.heartbeat_seconds)
        self._measuring = Loop(f"{name} depth", self._measure, every=MEASURE_SECONDS)
        self._tracer = trace.get_tracer("dinsight.jobs")
        meter = metrics.get_meter("dinsight.jobs")
        self._waited = meter.create_histogram("dinsight_job_wait", "s", "Time from due to claimed")
        self._took = meter.create_histogram("dinsight_job_duration", "s", "Time from claimed to ended")
        self._lost = meter.create_counter("dinsight_job_leases_lost", "1", "Leases lost while a job ran")
        self._waiting = meter.create_gauge("dinsight_jobs_waiting", "1", "Waiting jobs, due or not")
        self._in_progress = meter.create_gauge("dinsight_jobs_running", "1", "Jobs under a lease")
        self._oldest = meter.create_gauge("dinsight_jobs_oldest", "s", "Age of the oldest due job")

    @property
    def loops(self) -> tuple[Loop, ...]:
        """The loops to run beside the application. Their checks are part of its readiness."""
        return self._claiming, self._listening, self._beating, self._measuring

    async def stop(self) -> None:
        """Put running jobs back. Call this when the process ends, after the loops were cancelled."""
        tasks = list(self._running)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._priority.close()

    async def run_due(self) -> int:
        """Run all jobs that are due, and return how many. For tests."""
        done = 0
        while await self._fill():
            done += len(self._running)
            await asyncio.wait(list(self._running))
            self._reap()
        return done

    # Claiming

    async def _claim_and_wait(self) -> None:
        self._wake.clear()
        await self._fill()
        woken = asyncio.create_task(self._wake.wait())
        try:
            await asyncio.wait(
                {woken, *self._running},
                timeout=self._pace.poll_seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            woken.cancel()
        self._reap()

    async def _fill(self) -> int:
        """Fill the lanes, starting with the one for small jobs, and return how many jobs were claimed."""
        claimed = 0
        for lane in sorted(self._lanes, key=lambda lane: lane.max_size):
            free = lane.concurrency - sum(taken is lane for taken, _ in self._running.values())
            if free <= 0:
                continue
            sent_at = self._monotonic()
            jobs = await self._queue.claim(
                self._name,
                free,
                lease=self._pace.lease,
                max_size=lane.max_size,
                per_organization=self._pace.per_organization,
            )
            for job in jobs:
                self._start(job, lane, sent_at)
            claimed += len(jobs)
        return claimed

    def _start(self, job: Job, lane: Lane, sent_at: float) -> None:
        lease = HeldLease(job, self._pace.lease, self._priority, sent_at=sent_at, monotonic=self._monotonic)
        self._priority.begin(job.size)
        task = asyncio.create_task(self._do(lease))
        task.add_done_callback(lambda _: self._priority.end(job.size))
        self._running[task] = lane, lease

    def _reap(self) -> None:
        for task in [task for task in self._running if task.done()]:
            del self._running[task]

    async def _listen(self) -> None:
        def listening() -> None:
            self._listening.succeeded()
            # Jobs may have been enqueued while nobody listened.
            self._wake.set()

        await self._queue.listen(self._wake.set, listening)

    # Running

    async def _do(self, lease: HeldLease) -> None:
        job = lease.job
        with (
            self._tracer.start_as_current_span(f"{job.queue} {job.kind}", context=extract(job.args)),
            structlog.contextvars.bound_contextvars(
                job=job.kind, subject=str(job.subject_id), organization_id=str(job.organization_id)
            ),
        ):
            waited = job.waited.total_seconds()
            self._waited.record(waited, {"queue": job.queue, "kind": job.kind})
            logger.info("job claimed", attempt=job.attempt, waited=round(waited, 3))
            outcome = "interrupted"
            try:
                outcome = await self._attempt(lease)
            finally:
                took = self._monotonic() - lease.started_at
                self._took.record(took, {"queue": job.queue, "kind": job.kind, "outcome": outcome})
                logger.info("job ended", outcome=outcome, duration=round(took, 3))

    async def _attempt(self, lease: HeldLease) -> str:
        job = lease.job
        handler = self._handlers.get(job.kind, self._unhandled)
        try:
            if job.attempt > self._retry.max_attempts:
                # Every attempt killed its worker, or was killed with it, so no worker could give the job up.
                await handler.give_up(job, None)
                return "given up"
            await handler.run(job, lease)
        except LeaseLost:
            self._report_lost(lease, "a write of the job found it")
            return "lease lost"
        except asyncio.CancelledError:
            await asyncio.shield(self._interrupted(handler, job))
            raise
        except Exception as error:  # whatever the error was, the job is retried or given up
            logger.error("job failed", attempt=job.attempt, exc_info=error)
            return await self._failed(handler, job, error)
        return "done"

    async def _failed(self, handler: JobHandler, job: Job, error: Exception) -> str:
        last = self._retry.is_last(job.attempt)
        try:
            if last:
                await handler.give_up(job, error)
            else:
                await handler.put_back(job, self._retry.delay(job.attempt), counted=True)
        except LeaseLost:
            return "lease lost"
        except Exception as again:  # the job is claimed again once its lease has expired
            logger.warning(
                "job not put back, its lease will expire", error=f"{type(again).__name__}: {again}"
            )
            return "abandoned"
        return "given up" if last else "retried"

    async def _interrupted(self, handler: JobHandler, job: Job) -> None:
        with suppress(LeaseLost):
            try:
                await handler.put_back(job, timedelta(), counted=False)
            except Exception as error:  # the process ends anyway
                reason = f"{type(error).__name__}: {error}"
                logger.warning("job not put back, its lease will expire", error=reason)

    # Renewing leases

    async def _heartbeat(self) -> None:
        leases = [lease for task, (_, lease) in self._running.items() if not task.done()]
        if not leases:
            return
        sent_at = self._monotonic()
        try:
            held = await self._queue.heartbeat([lease.job for lease in leases], self._pace.lease)
        except Exception:
            for lease in leases:
                if lease.lost:
                    self._report_lost(lease, "it was not renewed in time")
            raise
        for lease in leases:
            if lease.job.id in held:
                lease.renewed(sent_at)
            elif not lease.lose():
                # Not at the first time: the job's own last transaction may just have ended it.
                self._report_lost(lease, "another worker claimed the job, or it was cancelled")

    def _report_lost(self, lease: HeldLease, reason: str) -> None:
        lease.lose()
        if not lease.reported:
            lease.reported = True
            job = lease.job
            self._lost.add(1, {"queue": job.queue, "kind": job.kind})
            logger.error("lease lost", job=job.kind, subject=str(job.subject_id), reason=reason)

    async def _measure(self) -> None:
        depth = await self._queue.depth(self._name)
        labels = {"queue": self._name}
        self._waiting.set(depth.waiting, labels)
        self._in_progress.set(depth.running, labels)
        self._oldest.set(depth.oldest.total_seconds(), labels)
