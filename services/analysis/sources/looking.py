"""Jobs that look at sources: they record which files are there, and have those that are ready taken."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from opentelemetry import metrics

from services.analysis.database.unit import Units
from services.analysis.sources.domain import Entry, Problem, Source, SourceFile, look, wanted
from services.analysis.sources.events import Announcer
from services.analysis.sources.opening import Opener
from services.analysis.sources.places.base import Place, PlaceError
from services.analysis.sources.service import look_job
from services.analysis.sources.taking import Bounds, Stopped, Taker, hold, scope_of
from shared.clock import Clock, IdGenerator
from shared.errors import DInsightError
from shared.jobs.queue import Job, Lease, Size

# Files taken by one look. The next one follows at once, after the other sources' turns. Attempts in vain do
# not count, or a file behind many that cannot be read would never be tried again.
MAX_TAKEN = 50
# A look whose worker died again and again is put off.
AFTER_GIVING_UP = timedelta(minutes=5)
# The look that follows one that took longer leaves the lanes for quick looks to others.
MAX_QUICK = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a look ended. `again_in` is when the next one is due."""

    problem: Problem | None
    again_in: timedelta


class Looker:
    """Handles the jobs of kind `look`: one per active source, each of which enqueues the next."""

    def __init__(
        self,
        units: Units,
        opener: Opener,
        taker: Taker,
        announcer: Announcer,
        clock: Clock,
        new_id: IdGenerator,
        bounds: Bounds,
    ) -> None:
        self._units = units
        self._open = opener
        self._taker = taker
        self._announcer = announcer
        self._clock = clock
        self._new_id = new_id
        self._bounds = bounds
        self._looks = metrics.get_meter("dinsight.analysis").create_counter(
            "dinsight_source_looks", "1", "Looks at sources, by kind of place and outcome"
        )

    async def run(self, job: Job, lease: Lease) -> None:
        began = self._clock.now()
        async with self._units(scope_of(job)) as unit:
            source = await unit.sources.get(job.subject_id)
            if source is None or not source.is_active:
                await unit.jobs.complete(job)
                return
            known = await unit.sources.files(source.id)
        try:
            outcome = await self._look(source, known, job, lease)
        except Stopped:
            return
        quick = self._clock.now() - began <= MAX_QUICK
        await self._end(job, outcome, Size.SMALL if quick else Size.LARGE)

    async def put_back(self, job: Job, after: timedelta, *, counted: bool) -> None:
        async with self._units(scope_of(job)) as unit:
            await unit.jobs.retry(job, after, counted=counted)

    async def give_up(self, job: Job, error: Exception | None) -> None:
        text = "The source could not be checked because of an internal error. It will be tried again."
        await self._end(job, Outcome(Problem("internal", text), AFTER_GIVING_UP))

    async def _look(self, source: Source, known: Sequence[SourceFile], job: Job, lease: Lease) -> Outcome:
        try:
            async with self._open(source) as place:
                listed = [entry for entry in await self._listed(place) if wanted(source, entry)]
                now, tried, taken = self._clock.now(), 0, 0
                found = look(source, known, listed, now, self._new_id)
                async with self._units(scope_of(job)) as unit:
                    await hold(unit, job)
                    await unit.sources.put_files(found.changed)
                    await unit.sources.forget_files(found.forgotten)
                if found.ready:
                    # In a transaction of its own: files are seen, and settle, while none can be taken.
                    async with self._units(scope_of(job)) as unit:
                        await self._taker.check(unit, source, found.ready[0])
                for file in found.ready:
                    if taken == MAX_TAKEN or self._clock.now() - now > self._bounds.taking:
                        break
                    await lease.turn()
                    taken += await self._taker.take(job, place, file)
                    tried += 1
        except PlaceError as error:
            return Outcome(error.problem, source.every)
        except DInsightError as error:
            # Such as a machine without a baseline, or a configuration that does not go with the baseline's.
            return Outcome(Problem(error.reason_code, error.detail, error.params), source.every)
        # Those that could not be read before are in no hurry.
        if any(file.problem is None for file in found.ready[tried:]):
            return Outcome(None, timedelta())
        if found.settles_at is not None:
            settles_in = max(timedelta(), found.settles_at - self._clock.now())
            return Outcome(None, min(source.every, settles_in))
        return Outcome(None, source.every)

    async def _listed(self, place: Place) -> Sequence[Entry]:
        seconds = self._bounds.listing.total_seconds()
        try:
            async with asyncio.timeout(seconds):
                return await place.entries()
        except TimeoutError as error:
            text = (
                f"The place's list of files took longer than {seconds:g} s. Watch a folder with fewer, or"
                " move old files away."
            )
            raise PlaceError("listing-slow", text, seconds=seconds) from error

    async def _end(self, job: Job, outcome: Outcome, size: Size = Size.SMALL) -> None:
        """End the job, and enqueue the next look, in the transaction that says how this one went."""
        async with self._units(scope_of(job)) as unit:
            source = await unit.sources.lock(job.subject_id)
            await unit.jobs.complete(job)
            if source is None or not source.is_active:
                return
            now, before, problem = self._clock.now(), source.problem, outcome.problem
            stored = None
            if problem is not None:
                same = before is not None and before["code"] == problem.code
                since = before["since"] if before is not None and same else now.isoformat()
                stored = problem.stored() | {"since": since}
                if not same:
                    await self._announcer.failed(unit, source, problem)
            elif before is not None:
                await self._announcer.recovered(unit, source)
            looked = replace(
                source,
                problem=stored,
                counts=await unit.sources.counts(source.id),
                looked_at=now,
                next_look_at=now + outcome.again_in,
            )
            await unit.sources.update(looked)
            await unit.jobs.enqueue([look_job(self._new_id(), looked, size)])
        self._looks.add(1, {"kind": source.place["kind"], "outcome": problem.code if problem else "ok"})
