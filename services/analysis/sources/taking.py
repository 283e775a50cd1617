"""Takes a file of a source: copies it, and makes an analysis of it, exactly once.

Its bytes are copied to the object store under a new key; then one transaction checks the lease of the job and
the state of the file, adds the analysis, and notes the file as taken. A worker that dies before leaves a
waiting file, and an object that the janitor deletes.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from obstore.exceptions import BaseError

from services.analysis.database.unit import Unit, Units
from services.analysis.domain import AnalysisType
from services.analysis.errors import NoBaseline
from services.analysis.objects.frames import compressed
from services.analysis.objects.store import Storage
from services.analysis.sources.domain import Entry, FileState, Problem, Source, SourceFile
from services.analysis.sources.events import Announcer
from services.analysis.sources.places.base import Place, PlaceError
from services.analysis.uploads.domain import StoredFile, file_key, upload_prefix
from services.analysis.uploads.errors import BadUpload, UploadTooLarge
from services.analysis.uploads.registering import AnalysisRequest, Received, Registrar
from services.analysis.uploads.service import checked_name
from shared.access import Caller, Role, Scope
from shared.clock import Clock, IdGenerator
from shared.errors import DInsightError, Unavailable
from shared.jobs.queue import Job


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a source may cost others, even if its place answers, but slowly.

    `taking` is how long a look goes on to further files. `copying` bounds one file, and has to suffice for
    large ones on slow lines.
    """

    max_bytes: int
    listing: timedelta = timedelta(minutes=10)
    taking: timedelta = timedelta(minutes=5)
    copying: timedelta = timedelta(hours=1)


class Stopped(Exception):
    """The source was deleted, switched off or changed while it was looked at."""


class _TooSlow(Exception):
    """The copy of a file took too long."""


class Taker:
    """Takes files, in the job that looks at their source."""

    def __init__(
        self,
        units: Units,
        storage: Storage,
        registrar: Registrar,
        announcer: Announcer,
        clock: Clock,
        new_id: IdGenerator,
        bounds: Bounds,
    ) -> None:
        self._units = units
        self._storage = storage
        self._registrar = registrar
        self._announcer = announcer
        self._clock = clock
        self._new_id = new_id
        self._bounds = bounds

    async def check(self, unit: Unit, source: Source, file: SourceFile) -> None:
        """Raises NoBaseline, QuotaExceeded: otherwise each look would copy the file in vain."""
        if await unit.baselines.active(source.machine_id) is None:
            machine = await unit.machines.get(source.machine_id)
            raise NoBaseline("The machine" if machine is None else machine.name)
        size = min(file.size, self._bounds.max_bytes)
        await self._registrar.check_quotas(unit, source.organization_id, size)

    async def take(self, job: Job, place: Place, file: SourceFile) -> bool:
        """Take a file, unless it changes meanwhile or is refused; whether it was taken.

        Raises what concerns the whole source.
        """
        received = Received(self._new_id())
        try:
            received.files.append(await self._copy_in_time(place, file, received.upload_id))
            received.size = received.files[0].size
            after = await place.find(file.path)
            if after is None or not file.is_like(after) or received.size != file.size:
                await self._discard(received)
                await self._wait_on(job, file, after)
                return False
            async with self._units(scope_of(job)) as unit:
                await self._register(unit, job, file, received)
            return True
        except (BadUpload, UploadTooLarge) as error:
            await self._discard(received)
            code = "file-name" if isinstance(error, BadUpload) else error.code
            await self._refuse(job, file, Problem(code, error.detail, {"file": file.path}))
        except _TooSlow:
            seconds = self._bounds.copying.total_seconds()
            text = f"'{file.path}' did not arrive within {seconds:g} s, and others wait behind it."
            await self._refuse(job, file, Problem("too-slow", text, {"file": file.path, "seconds": seconds}))
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
        return False

    async def _copy_in_time(self, place: Place, file: SourceFile, upload_id: UUID) -> StoredFile:
        try:
            async with asyncio.timeout(self._bounds.copying.total_seconds()):
                return await self._copy(place, file, upload_id)
        except TimeoutError as error:
            raise _TooSlow from error

    async def _copy(self, place: Place, file: SourceFile, upload_id: UUID) -> StoredFile:
        name = checked_name(file.path.rpartition("/")[2])
        key, size = file_key(upload_prefix(upload_id), 0), 0

        async def counted() -> AsyncIterator[bytes]:
            nonlocal size
            async for block in place.read(file.path):
                size += len(block)
                if size > self._bounds.max_bytes:
                    raise UploadTooLarge(self._bounds.max_bytes)
                yield block

        if file.size > self._bounds.max_bytes:
            raise UploadTooLarge(self._bounds.max_bytes)
        try:
            await self._storage.put_stream(key, compressed(counted()))
        except (OSError, BaseError) as error:
            raise Unavailable("The object store is not available at the moment.") from error
        return StoredFile(name, size, key)

    async def _register(self, unit: Unit, job: Job, file: SourceFile, received: Received) -> None:
        source = await hold(unit, job)
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
        async with self._units(scope_of(job)) as unit:
            await hold(unit, job)
            if after is not None:
                await unit.sources.put_files([file.renewed(after, self._clock.now())])

    async def _refuse(
        self, job: Job, file: SourceFile, problem: Problem, *, state: FileState = FileState.FAILED
    ) -> None:
        async with self._units(scope_of(job)) as unit:
            source = await hold(unit, job)
            refused = replace(file, state=state, problem=problem.stored())
            await unit.sources.put_files([refused])
            if file.problem is None or file.problem["code"] != problem.code:
                await self._announcer.failed(unit, source, problem, file=file.path)

    async def _discard(self, received: Received) -> None:
        with suppress(OSError, BaseError):
            await self._storage.delete([file.key for file in received.files])


def scope_of(job: Job) -> Scope:
    return Scope(organization_id=job.organization_id)


async def hold(unit: Unit, job: Job) -> Source:
    """The source, locked, and the lease of its job, until the transaction ends.

    Raises Stopped, LeaseLost.
    """
    source = await unit.sources.lock(job.subject_id)
    if source is None or not source.is_active:
        raise Stopped
    await unit.jobs.hold(job)
    return source


def _author(source: Source) -> Caller:
    """Files are taken in the name of whoever created the source."""
    return Caller(source.created_by, "", "", source.organization_id, Role.OPERATOR, token="")
