"""Looks at sources in jobs: notes what is there, and takes what is ready.

Each file is taken exactly once: its bytes are copied to the object store under a new key; then one
transaction checks the lease of the job and the state of the file, adds the analysis, and notes the file as
taken. A worker that dies before leaves a waiting file, and an object that the janitor deletes.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

import structlog
from obstore.exceptions import BaseError

from services.analysis.database.unit import Unit, Units
from services.analysis.domain import AnalysisType
from services.analysis.errors import NoBaseline
from services.analysis.objects.frames import compressed
from services.analysis.objects.store import Storage
from services.analysis.sources.domain import Entry, FileState, Problem, Source, SourceFile, look, wanted
from services.analysis.sources.events import Announcer
from services.analysis.sources.opening import Opener
from services.analysis.sources.places.base import Place, PlaceError
from services.analysis.sources.service import look_job
from services.analysis.uploads.domain import StoredFile, file_key, upload_prefix
from services.analysis.uploads.errors import BadUpload, UploadTooLarge
from services.analysis.uploads.registering import AnalysisRequest, Received, Registrar
from services.analysis.uploads.service import checked_name
from shared.access import Caller, Role, Scope
from shared.clock import Clock, IdGenerator
from shared.errors import DInsightError, Unavailable
from shared.jobs.queue import Job, Lease

# Files taken by one look. The next one follows at once, after the other sources' turns.
MAX_TAKEN = 50
# A look whose worker died again and again is put off.
AFTER_GIVING_UP = timedelta(minutes=5)

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a look ended. `again_in` is when the next one is due."""

    problem: Problem | None
    again_in: timedelta


class Stopped(Exception):
    """The source was deleted, switched off or changed while it was looked at."""


class Looker:
    """Handles the jobs of kind `look`: one per active source, each of which enqueues the next."""

    def __init__(
        self,
        units: Units,
        storage: Storage,
        opener: Opener,
        registrar: Registrar,
        announcer: Announcer,
        clock: Clock,
        new_id: IdGenerator,
        *,
        max_bytes: int,
    ) -> None:
        self._units = units
        self._storage = storage
        self._open = opener
        self._registrar = registrar
        self._announcer = announcer
        self._clock = clock
        self._new_id = new_id
        self._max_bytes = max_bytes

    async def run(self, job: Job, lease: Lease) -> None:
        async with self._units(_scope(job)) as unit:
            source = await unit.sources.get(job.subject_id)
            if source is None or not source.is_active:
                await unit.jobs.complete(job)
                return
            known = await unit.sources.files(source.id)
        try:
            outcome = await self._look(source, known, job, lease)
        except Stopped:
            return
        await self._end(job, outcome)

    async def put_back(self, job: Job, after: timedelta, *, counted: bool) -> None:
        async with self._units(_scope(job)) as unit:
            await unit.jobs.retry(job, after, counted=counted)

    async def give_up(self, job: Job, error: Exception | None) -> None:
        text = "The source could not be looked at because of an internal error. It is tried again."
        await self._end(job, Outcome(Problem("internal", text), AFTER_GIVING_UP))

    async def _look(self, source: Source, known: Sequence[SourceFile], job: Job, lease: Lease) -> Outcome:
        try:
            async with self._open(source) as place:
                listed = [entry for entry in await place.entries() if wanted(source, entry)]
                now = self._clock.now()
                found = look(source, known, listed, now, self._new_id)
                async with self._units(_scope(job)) as unit:
                    await self._hold(unit, job)
                    await unit.sources.put_files(found.changed)
                    await unit.sources.forget_files(found.forgotten)
                    if found.ready:
                        await self._check(unit, source, found.ready[0])
                for file in found.ready[:MAX_TAKEN]:
                    await lease.turn()
                    await self._take(job, place, file)
        except PlaceError as error:
            return Outcome(error.problem, source.every)
        except DInsightError as error:
            # Such as a machine without a baseline, or a configuration that does not go with the baseline's.
            return Outcome(Problem(error.code, error.detail), source.every)
        if len(found.ready) > MAX_TAKEN:
            return Outcome(None, timedelta())
        if found.settles_at is not None:
            settles_in = max(timedelta(), found.settles_at - self._clock.now())
            return Outcome(None, min(source.every, settles_in))
        return Outcome(None, source.every)

    async def _check(self, unit: Unit, source: Source, file: SourceFile) -> None:
        """Raises NoBaseline, QuotaExceeded: otherwise each look would copy the file in vain."""
        if await unit.baselines.active(source.machine_id) is None:
            machine = await unit.machines.get(source.machine_id)
            raise NoBaseline("The machine" if machine is None else machine.name)
        await self._registrar.check_quotas(unit, source.organization_id, min(file.size, self._max_bytes))

    async def _take(self, job: Job, place: Place, file: SourceFile) -> None:
        """Take a file, unless it changes meanwhile. Raises what concerns the whole source."""
        received = Received(self._new_id())
        try:
            received.files.append(await self._copy(place, file, received.upload_id))
            received.size = received.files[0].size
            after = await place.find(file.path)
            if after is None or not file.is_like(after) or received.size != file.size:
                await self._discard(received)
                await self._wait_on(job, file, after)
                return
            async with self._units(_scope(job)) as unit:
                await self._register(unit, job, file, received)
        except (BadUpload, UploadTooLarge) as error:
            await self._discard(received)
            code = "file-name" if isinstance(error, BadUpload) else error.code
            await self._refuse(job, file, Problem(code, error.detail, {"file": file.path}))
        except PlaceError as error:
            await self._discard(received)
            if error.problem.params.get("file") != file.path:
                raise
            # The other files may well be readable.
            await self._refuse(job, file, error.problem, state=FileState.WAITING)
        except (DInsightError, Stopped):
            # After other errors the transaction may have committed, so the janitor deletes orphaned objects.
            await self._discard(received)
            raise

    async def _copy(self, place: Place, file: SourceFile, upload_id: UUID) -> StoredFile:
        name = checked_name(file.path.rpartition("/")[2])
        key, size = file_key(upload_prefix(upload_id), 0), 0

        async def counted() -> AsyncIterator[bytes]:
            nonlocal size
            async for block in place.read(file.path):
                size += len(block)
                if size > self._max_bytes:
                    raise UploadTooLarge(self._max_bytes)
                yield block

        if file.size > self._max_bytes:
            raise UploadTooLarge(self._max_bytes)
        try:
            await self._storage.put_stream(key, compressed(counted()))
        except (OSError, BaseError) as error:
            raise Unavailable("The object store is not available at the moment.") from error
        return StoredFile(name, size, key)

    async def _register(self, unit: Unit, job: Job, file: SourceFile, received: Received) -> None:
        source = await self._hold(unit, job)
        current = await unit.sources.lock_file(file.id)
        if current is None or current.state is not FileState.WAITING or current.version != file.version:
            raise Stopped
        base = await self._base(unit, source)
        request = self._request(source, file, base)
        analysis = await self._registrar.register(unit, _author(source), received, request)
        now = self._clock.now()
        taken = replace(current, state=FileState.TAKEN, taken_at=now, analysis_id=analysis.id, problem=None)
        await unit.sources.put_files([taken])
        applied = source.applied
        if source.config and base is not None and analysis.config_id is not None:
            applied = {"base": base, "config": analysis.config_id}
        await unit.sources.update(replace(source, taken_at=now, applied=applied))

    @staticmethod
    async def _base(unit: Unit, source: Source) -> int | None:
        """The configuration of the baseline that judges, which the source's parameters change."""
        active = await unit.baselines.active(source.machine_id)
        baseline = None if active is None else await unit.analyses.get(active.analysis_id)
        return None if baseline is None else baseline.config_id

    @staticmethod
    def _request(source: Source, file: SourceFile, base: int | None) -> AnalysisRequest:
        """One configuration serves all files of a source, as long as the baseline's stays the same."""
        applied = source.applied
        known = applied["config"] if applied is not None and applied["base"] == base else None
        return AnalysisRequest(
            source.machine_id,
            AnalysisType.MONITORING,
            config_id=known,
            config=source.changes if known is None else None,
            origin={"source_id": source.id, "path": file.path},
        )

    async def _wait_on(self, job: Job, file: SourceFile, after: Entry | None) -> None:
        """The file changed while it was copied: it waits again, for the whole delay."""
        async with self._units(_scope(job)) as unit:
            await self._hold(unit, job)
            if after is not None:
                await unit.sources.put_files([file.renewed(after, self._clock.now())])

    async def _refuse(
        self, job: Job, file: SourceFile, problem: Problem, *, state: FileState = FileState.FAILED
    ) -> None:
        async with self._units(_scope(job)) as unit:
            source = await self._hold(unit, job)
            refused = replace(file, state=state, problem=problem.stored())
            await unit.sources.put_files([refused])
            if file.problem is None or file.problem["code"] != problem.code:
                await self._announcer.failed(unit, source, problem, file=file.path)

    async def _end(self, job: Job, outcome: Outcome) -> None:
        """End the job, and enqueue the next look, in the transaction that says how this one went."""
        async with self._units(_scope(job)) as unit:
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
            await unit.jobs.enqueue([look_job(self._new_id(), looked)])

    async def _hold(self, unit: Unit, job: Job) -> Source:
        """The source, locked, and the lease of its job, until the transaction ends.

        Raises Stopped, LeaseLost.
        """
        source = await unit.sources.lock(job.subject_id)
        if source is None or not source.is_active:
            raise Stopped
        await unit.jobs.hold(job)
        return source

    async def _discard(self, received: Received) -> None:
        with suppress(OSError, BaseError):
            await self._storage.delete([file.key for file in received.files])


def _scope(job: Job) -> Scope:
    return Scope(organization_id=job.organization_id)


def _author(source: Source) -> Caller:
    """Files are taken in the name of whoever created the source."""
    return Caller(source.created_by, "", "", source.organization_id, Role.OPERATOR, token="")
