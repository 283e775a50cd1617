"""The environment of a worker without a broker: a database, a store, uploads and workers."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from services.analysis.archives.archiver import Archiver
from services.analysis.archives.jobs import ArchiveJobs
from services.analysis.database.unit import PostgresUnits
from services.analysis.domain import Analysis, AnalysisType, Status
from services.analysis.jobs.chunks import ChunkStore
from services.analysis.jobs.domain import MAX_ATTEMPTS, QUEUE, Kind, size_of
from services.analysis.jobs.finalize import Finalizer
from services.analysis.jobs.fit import BaselineFitter, Fitted
from services.analysis.jobs.join import Joiner
from services.analysis.jobs.reading import TableReader
from services.analysis.jobs.recent import RecentChunks, Samples
from services.analysis.jobs.runner import AnalysisRunner
from services.analysis.jobs.score import ChunkScorer
from services.analysis.jobs.split import Splitter
from services.analysis.machines.domain import MachineRef
from services.analysis.objects.frames import compressed
from services.analysis.objects.models import ModelStore
from services.analysis.objects.store import Storage
from services.analysis.settings import Settings
from services.analysis.uploads.domain import FileUpload, StoredFile, file_key, upload_prefix
from shared.access import Scope
from shared.clock import SystemClock, time_ordered_id
from shared.jobs.queue import Job, JobHandler, NewJob, Size
from shared.jobs.retry import RetryPolicy
from shared.jobs.worker import Lane, Pace, Worker
from shared.postgres.connection import Database
from shared.postgres.partitions import MonthPartitions, Partitions
from tests.integration.analysis.claiming import JobsOf
from tests.integration.analysis.client import COLUMNS, csv, samples

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EXPIRED = timedelta(seconds=-1)
# Longer than any job takes on a busy machine: a worker without a heartbeat must not lose its job.
LEASE = timedelta(hours=1)
NO_DELAY = RetryPolicy(MAX_ATTEMPTS, first_delay=timedelta(), max_delay=timedelta())


async def chunks_of(content: bytes) -> AsyncIterator[bytes]:
    yield content


class Gate:
    """`reached` is set when a task waits at the gate; setting `open` lets it pass."""

    def __init__(self) -> None:
        self.reached, self.open = asyncio.Event(), asyncio.Event()

    async def passed(self) -> None:
        self.reached.set()
        await self.open.wait()


class GatedFitter(BaselineFitter):
    """Waits at a gate before it returns its result."""

    def __init__(self, place: "Workplace") -> None:
        super().__init__(TableReader(place.storage), ChunkStore(place.units, RecentChunks(), time_ordered_id))
        self.gate = Gate()

    async def fit(self, *arguments: Any) -> Fitted:
        fitted = await super().fit(*arguments)
        await self.gate.passed()
        return fitted


class BrokenFitter(GatedFitter):
    async def fit(self, *_: Any) -> Fitted:
        raise LookupError("no such thing")


class GatedScorer(ChunkScorer):
    """Waits at a gate before it scores a chunk."""

    def __init__(self, place: "Workplace", models: ModelStore | None = None) -> None:
        models = models or ModelStore(place.storage)
        parts = RecentChunks(), place.finalizer(), time_ordered_id
        super().__init__(place.units, place.partitions, models, *parts)
        self.gate = Gate()

    async def _samples(self, *arguments: Any) -> Samples:
        found = await super()._samples(*arguments)
        await self.gate.passed()
        return found


class GatedStore(ChunkStore):
    """Waits at a gate after it has stored two chunks."""

    def __init__(self, place: "Workplace") -> None:
        super().__init__(place.units, RecentChunks(), time_ordered_id)
        self.gate = Gate()

    async def keep_chunk(self, work: Any, order: int, *arguments: Any, **options: Any) -> None:
        if order == 2:
            await self.gate.passed()
        await super().keep_chunk(work, order, *arguments, **options)


@dataclass
class Workplace:
    """A database and a store, with workers and uploads on demand."""

    database: Database
    units: PostgresUnits
    storage: Storage
    settings: Settings
    admin: "asyncpg.Connection[asyncpg.Record]"
    admin_dsn: str

    @property
    def partitions(self) -> MonthPartitions:
        return MonthPartitions(self.database)

    def finalizer(self) -> Finalizer:
        return Finalizer(self.units, ModelStore(self.storage), SystemClock(), time_ordered_id)

    def archiver(self) -> Archiver:
        return Archiver(
            self.units,
            self.partitions,
            self.storage,
            SystemClock(),
            time_ordered_id,
            restored=timedelta(days=30),
        )

    def handlers(
        self,
        *,
        fitter: BaselineFitter | None = None,
        scorer: ChunkScorer | None = None,
        store: ChunkStore | None = None,
        reader: TableReader | None = None,
        partitions: Partitions | None = None,
        progress_seconds: float | None = None,
    ) -> Mapping[str, JobHandler]:
        """The handlers of a worker, some of which can be replaced."""
        models, clock, finalizer = ModelStore(self.storage), SystemClock(), self.finalizer()
        recent, reader = RecentChunks(), reader or TableReader(self.storage)
        store = store or ChunkStore(self.units, recent, time_ordered_id)
        runner = AnalysisRunner(
            self.units,
            fitter or BaselineFitter(reader, store),
            Splitter(self.units, reader, store, clock, time_ordered_id),
            models,
            finalizer,
            clock,
            progress_seconds=progress_seconds or self.settings.progress_seconds,
        )
        return {
            Kind.ANALYSIS: runner,
            Kind.CHUNK: scorer
            or ChunkScorer(self.units, self.partitions, models, recent, finalizer, time_ordered_id),
            Kind.JOIN: Joiner(
                self.units, partitions or self.partitions, models, finalizer, clock, time_ordered_id
            ),
            Kind.ARCHIVE: ArchiveJobs(self.units, self.archiver().archive),
            Kind.RESTORE: ArchiveJobs(self.units, self.archiver().restore),
        }

    def worker(
        self,
        analysis: Analysis,
        *kinds: Kind,
        heartbeat_seconds: float | None = None,
        lease: timedelta = LEASE,
        queue: JobsOf | None = None,
        **parts: Any,
    ) -> Worker:
        """A worker that runs the jobs of one analysis, of these kinds or of all kinds."""
        return Worker(
            queue or JobsOf(self.database, analysis, kinds or tuple(Kind)),
            QUEUE,
            self.handlers(**parts),
            (Lane(1),),
            Pace(lease, heartbeat_seconds or self.settings.heartbeat_seconds),
            NO_DELAY,
        )

    async def do(self, analysis: Analysis, *kinds: Kind, **parts: Any) -> None:
        """Run the due jobs of an analysis, and those that follow from them."""
        await self.worker(analysis, *kinds, **parts).run_due()

    async def uploaded(
        self,
        content: AsyncIterator[bytes] | None = None,
        *,
        size: int = 0,
        table: bytes | None = None,
        organization: UUID | None = None,
        job_size: Size | None = None,
        **columns: Any,
    ) -> Analysis:
        """A pending baseline, as an upload creates it."""
        scope = Scope(organization_id=organization or uuid4())
        assert scope.organization_id is not None
        upload_id = uuid4()
        key = file_key(upload_prefix(upload_id), 0)
        if content is None:
            table = table or csv(samples(300))
            content, size = chunks_of(table), len(table)
        await self.storage.put_stream(key, compressed(content))
        async with self.units(scope) as unit:
            machine_id = uuid4()
            machine = MachineRef(machine_id, scope.organization_id, "Pump", "active", 1, False, NOW)
            await unit.machines.merge(machine)
            first = await unit.configs.current(scope.organization_id, NOW)
            values = {name: getattr(first, name) for name in first.__dataclass_fields__ if name != "id"}
            config = await unit.configs.add(values | COLUMNS | columns | {"version": first.version + 1})
            upload = FileUpload(
                upload_id,
                scope.organization_id,
                "normal.csv",
                size,
                upload_prefix(upload_id),
                Status.PENDING,
                None,
                [StoredFile("normal.csv", size, key).recorded()],
                None,
                None,
                NOW,
                NOW,
            )
            analysis = Analysis(
                id=uuid4(),
                organization_id=scope.organization_id,
                machine_id=machine_id,
                file_upload_id=upload_id,
                dinsight_id=None,
                baseline_id=None,
                config_id=config.id,
                analysis_type=AnalysisType.BASELINE,
                status=Status.PENDING,
                stage=None,
                progress=0.0,
                results=None,
                error=None,
                attempts=0,
                created_by=uuid4(),
                created_at=NOW,
                completed_at=None,
            )
            await unit.uploads.add(upload)
            await unit.analyses.add(analysis)
            job = NewJob(
                uuid4(),
                QUEUE,
                Kind.ANALYSIS,
                analysis.id,
                analysis.organization_id,
                size=size_of(upload) if job_size is None else job_size,
            )
            await unit.jobs.enqueue([job])
        return analysis

    async def monitored(self, baseline: Analysis, table: bytes) -> Analysis:
        """A pending monitoring run on the machine and map of a completed baseline."""
        analysis = await self.uploaded(table=table, organization=baseline.organization_id)
        await self.admin.execute(
            "UPDATE analysis.analyses SET analysis_type = 'monitoring', machine_id = $2, dinsight_id = $3,"
            " baseline_id = $4 WHERE id = $1",
            analysis.id,
            baseline.machine_id,
            (await self.now(baseline)).dinsight_id,
            baseline.id,
        )
        return await self.now(analysis)

    async def now(self, analysis: Analysis) -> Analysis:
        async with self.units(Scope(organization_id=analysis.organization_id)) as unit:
            found = await unit.analyses.get(analysis.id)
        assert found is not None
        return found

    async def claim(self, analysis: Analysis, kind: Kind, lease: timedelta) -> Job:
        """Claim a job of the analysis, like a worker that then dies or hangs."""
        [job] = await JobsOf(self.database, analysis, [kind]).claim(QUEUE, 1, lease=lease)
        return job

    async def jobs(self, analysis: Analysis) -> list[tuple[str, bool]]:
        """The kind of each remaining job of the analysis, and whether it is claimed."""
        query = """
            SELECT kind, lease_token IS NOT NULL AS taken FROM analysis.jobs
            WHERE subject_id = $1 ORDER BY id"""
        return [(row["kind"], row["taken"]) for row in await self.admin.fetch(query, analysis.id)]

    async def take_away(self, analysis: Analysis, kind: Kind) -> None:
        """End the leases of the analysis' jobs, as if their workers had died."""
        await self.admin.execute(
            "UPDATE analysis.jobs SET lease_until = clock_timestamp() - interval '1 s'"
            " WHERE subject_id = $1 AND kind = $2 AND lease_token IS NOT NULL",
            analysis.id,
            kind,
        )

    async def count(self, table: str, analysis: Analysis) -> int:
        column = "file_upload_id" if table in ("feature_data", "dinsight_data") else "analysis_id"
        query = f"SELECT count(*) FROM analysis.{table} WHERE {column} = $1"
        key = analysis.file_upload_id if column == "file_upload_id" else analysis.id
        return int(await self.admin.fetchval(query, key))

    async def events(self, analysis: Analysis, topic: str) -> int:
        query = (
            "SELECT count(*) FROM analysis.outbox WHERE topic = $1"
            " AND convert_from(value, 'UTF8')::jsonb ->> 'analysis_id' = $2"
        )
        return int(await self.admin.fetchval(query, topic, str(analysis.id)))

    async def ended_once(self, analysis: Analysis, status: Status) -> Analysis:
        found = await self.now(analysis)
        assert found.status is status
        completed = await self.events(analysis, "analysis.completed")
        failed = await self.events(analysis, "analysis.failed")
        assert (completed, failed) == ((1, 0) if status is Status.COMPLETED else (0, 1))
        good = status is Status.COMPLETED
        assert await self.count("dinsight_data", analysis) == int(good)
        stored = await self.admin.fetchval(
            "SELECT coalesce(sum(samples), 0) FROM analysis.feature_data WHERE file_upload_id = $1",
            analysis.file_upload_id,
        )
        assert stored == (300 if good else 0)
        return found
