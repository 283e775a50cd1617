"""A machine with a baseline and a source, all in memory; the place is a dictionary of files."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from services.analysis.configs.service import ConfigService
from services.analysis.domain import Analysis, AnalysisType
from services.analysis.objects.store import Storage
from services.analysis.settings import Settings
from services.analysis.sources.domain import Entry, Source, SourceFile
from services.analysis.sources.places.base import Place
from services.analysis.sources.service import look_job
from services.analysis.sources.taking import Bounds
from services.analysis.worker import build_source_worker
from shared.access import Caller, Scope
from shared.audit import Auditor
from shared.clock import time_ordered_id
from shared.jobs.worker import Worker
from tests.support.fakes import FakeClock, caller
from tests.unit.analysis.database.examples import NOW, a_machine, completed
from tests.unit.analysis.database.fakes import FakeUnits
from tests.unit.analysis.sources.examples import MINUTE, a_source

MAX_BYTES = 1000


@dataclass
class FakePlace:
    """`during` is called while a file is read; `error` is raised by whatever is asked.

    `hanging` are the files, and "" for their list, for which nobody gets an answer until `answers` is set.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    error: Exception | None = None
    unreadable: dict[str, Exception] = field(default_factory=dict)
    during: Callable[[], object] = lambda: None
    reads: list[str] = field(default_factory=list)
    lists: int = 0
    hanging: set[str] = field(default_factory=set)
    answers: asyncio.Event = field(default_factory=asyncio.Event)

    async def entries(self) -> Sequence[Entry]:
        self.lists += 1
        if "" in self.hanging:
            await self.answers.wait()
        if self.error is not None:
            raise self.error
        return [self._entry(path) for path in self.files]

    async def find(self, path: str) -> Entry | None:
        return self._entry(path) if path in self.files else None

    async def read(self, path: str) -> AsyncIterator[bytes]:
        self.reads.append(path)
        if path in self.hanging:
            await self.answers.wait()
        if path in self.unreadable:
            raise self.unreadable[path]
        content = self.files[path]
        yield content[:5]
        self.during()
        yield content[5:]

    def _entry(self, path: str) -> Entry:
        return Entry(path, len(self.files[path]), str(hash(self.files[path])), NOW)


class Scene:
    def __init__(self) -> None:
        self.clock = FakeClock(NOW)
        self.units = FakeUnits(self.clock)
        self.storage = Storage.at("memory:///")
        self.caller: Caller = caller()
        self.scope = Scope(organization_id=self.caller.organization_id)
        self.machine = a_machine(self.scope)
        self.units.memory.machines[self.machine.id] = self.machine
        self.settings = Settings(
            database_url=SecretStr("postgresql://nobody@127.0.0.1:1/none"), max_upload_bytes=MAX_BYTES
        )
        self.auditor = Auditor(self.clock)
        self.configs = ConfigService(self.clock, self.auditor)
        self.place = FakePlace()
        self.bounds = Bounds(MAX_BYTES)
        # The places of further sources.
        self.places: dict[UUID, FakePlace] = {}
        self.source = a_source(organization_id=self.caller.organization_id, machine_id=self.machine.id)

    @asynccontextmanager
    async def open(self, source: Source) -> AsyncIterator[Place]:
        yield self.places.get(source.id, self.place)

    async def watch(self, **changes: Any) -> None:
        """Have the source looked at, with these changes."""
        self.source = replace(self.source, **changes)
        async with self.units(self.scope) as unit:
            await unit.sources.add(self.source)
            await unit.jobs.cancel([self.source.id])
            await unit.jobs.enqueue([look_job(time_ordered_id(), self.source)])

    async def with_baseline(self) -> Analysis:
        async with self.units(self.scope) as unit:
            return await completed(unit, self.scope, machine_id=self.machine.id)

    async def look(self, passed: timedelta = MINUTE) -> None:
        """Let time pass, and run the look if it is due by then."""
        self.clock.time += passed
        await self.worker().run_due()

    def worker(self) -> Worker:
        return build_source_worker(
            self.units,
            self.units.queue,
            self.storage,
            self.open,
            self.settings,
            self.clock,
            time_ordered_id,
            self.bounds,
        )

    @property
    def now(self) -> Source:
        return self.units.memory.sources[self.source.id]

    @property
    def problem(self) -> str | None:
        """The code of the source's problem."""
        problem = self.now.problem
        return None if problem is None else problem["code"]

    @property
    def files(self) -> dict[str, SourceFile]:
        return {file.path: file for file in self.units.memory.source_files.values()}

    @property
    def runs(self) -> list[Analysis]:
        analyses = self.units.memory.analyses.values()
        return [each for each in analyses if each.analysis_type is AnalysisType.MONITORING]

    def taken(self) -> list[str]:
        """The names of the files of all runs, in the order in which they were taken."""
        return [self.units.memory.uploads[run.file_upload_id].original_filename for run in self.runs]

    async def stored(self) -> list[str]:
        return [key for key, _ in await self.storage.list("uploads")]
