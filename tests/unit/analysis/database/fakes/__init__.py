"""The repositories of the analysis service in memory, which pass the same suite as those on PostgreSQL."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from services.analysis.database.unit import Unit
from shared.access import Scope
from shared.clock import Clock
from shared.jobs.memory import MemoryQueue
from tests.support.fakes import FakeClock, FakeInbox, FakeOutbox
from tests.unit.analysis.database.fakes.analyses import FakeAnalyses, FakeConfigs, FakeMachines, FakeUploads
from tests.unit.analysis.database.fakes.archives import FakeArchives, FakeDeletions, FakeOrganizations
from tests.unit.analysis.database.fakes.baselines import FakeBaselines
from tests.unit.analysis.database.fakes.fleet import FakeFleet, FakeSummaries
from tests.unit.analysis.database.fakes.memory import Memory
from tests.unit.analysis.database.fakes.results import (
    FakeAnomalies,
    FakeChunks,
    FakeQualities,
    FakeResults,
    FakeUpkeep,
)
from tests.unit.analysis.database.fakes.sources import FakeSources


@dataclass
class FakeUnits:
    """All units share one memory; nothing is rolled back."""

    clock: Clock = field(default_factory=FakeClock)
    memory: Memory = field(default_factory=Memory)
    outbox: FakeOutbox = field(default_factory=FakeOutbox)
    inbox: FakeInbox = field(default_factory=FakeInbox)

    def __post_init__(self) -> None:
        self.queue = MemoryQueue(self.clock)

    @asynccontextmanager
    async def __call__(self, scope: Scope) -> AsyncIterator[Unit]:
        memory, queue = self.memory, self.queue
        yield Unit(
            machines=FakeMachines(memory, scope, queue),
            configs=FakeConfigs(memory, scope, queue),
            uploads=FakeUploads(memory, scope, queue),
            analyses=FakeAnalyses(memory, scope, queue),
            baselines=FakeBaselines(memory, scope, queue),
            chunks=FakeChunks(memory, scope, queue),
            results=FakeResults(memory, scope, queue),
            qualities=FakeQualities(memory, scope, queue),
            anomalies=FakeAnomalies(memory, scope, queue),
            archives=FakeArchives(memory, scope, queue),
            organizations=FakeOrganizations(memory, scope, queue),
            deletions=FakeDeletions(memory, scope, queue),
            summaries=FakeSummaries(memory, scope, queue),
            fleet=FakeFleet(),
            sources=FakeSources(memory, scope, queue),
            upkeep=FakeUpkeep(memory, scope, queue),
            jobs=queue,
            outbox=self.outbox,
            inbox=self.inbox,
        )
