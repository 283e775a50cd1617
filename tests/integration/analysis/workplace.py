"""A worker's surroundings without a broker: one database, one store, uploads and processors on demand."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from services.analysis.database.unit import PostgresUnits
from services.analysis.domain import Analysis, AnalysisType, Status
from services.analysis.jobs.chunks import ChunkStore
from services.analysis.jobs.finalize import Joiner, OutcomeWriter, attempt_event
from services.analysis.jobs.fit import Computer, Fitted
from services.analysis.jobs.recent import RecentChunks
from services.analysis.jobs.runner import Processor
from services.analysis.jobs.score import ChunkScorer
from services.analysis.machines.domain import MachineRef
from services.analysis.objects.models import ModelStore
from services.analysis.objects.store import Storage
from services.analysis.settings import Settings
from services.analysis.uploads.domain import FileUpload, file_key, upload_prefix
from shared.access import Scope
from shared.clock import SystemClock
from shared.events.analysis import UPLOAD_RECEIVED, UploadReceived
from shared.events.base import Event
from tests.integration.analysis.client import COLUMNS, csv, samples

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EXPIRED = timedelta(seconds=-1)


class GatedComputer(Computer):
    """Stops before it hands its result over, until it is let through."""

    def __init__(self, storage: Storage) -> None:
        super().__init__(storage)
        self.reached, self.gate = asyncio.Event(), asyncio.Event()

    async def fit(self, *arguments: Any) -> Fitted:
        fitted = await super().fit(*arguments)
        self.reached.set()
        await self.gate.wait()
        return fitted


class BrokenComputer(Computer):
    async def fit(self, *_: Any) -> Fitted:
        raise MemoryError("no memory left")


@dataclass
class Workplace:
    """One database, one store; processors and uploads on demand."""

    units: PostgresUnits
    storage: Storage
    settings: Settings
    admin: "asyncpg.Connection[asyncpg.Record]"

    def processor(
        self,
        computer: Computer | None = None,
        *,
        scorer: ChunkScorer | None = None,
        chunks: ChunkStore | None = None,
        **settings: float,
    ) -> Processor:
        models, clock = ModelStore(self.storage), SystemClock()
        outcomes = OutcomeWriter(self.units, models, clock, uuid4)
        recent = RecentChunks()
        chosen = self.settings.model_copy(update=settings)
        return Processor(
            self.units,
            computer or Computer(self.storage),
            chunks or ChunkStore(self.units, recent, uuid4),
            scorer or ChunkScorer(self.units, models, recent, chosen, uuid4),
            Joiner(self.units, outcomes, clock, uuid4),
            models,
            outcomes,
            chosen,
            clock,
            uuid4,
        )

    async def uploaded(
        self,
        content: AsyncIterator[bytes] | None = None,
        *,
        size: int = 0,
        table: bytes | None = None,
        organization: UUID | None = None,
        **columns: Any,
    ) -> Analysis:
        """A baseline that waits for a worker, as an upload leaves it."""
        scope = Scope(organization_id=organization or uuid4())
        assert scope.organization_id is not None
        upload_id = uuid4()
        key = file_key(upload_prefix(upload_id), 0)
        if content is None:
            table = table or csv(samples(300))
            await self.storage.put(key, table)
            size = len(table)
        else:
            await self.storage.put_stream(key, content)
        async with self.units(scope) as unit:
            machine_id = uuid4()
            machine = MachineRef(machine_id, scope.organization_id, "Pump", "active", 1, False, NOW)
            await unit.machines.keep(machine)
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
                [{"filename": "normal.csv", "size": size}],
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
            await unit.uploads.add(upload, analysis)
        return analysis

    async def monitored(self, baseline: Analysis, table: bytes) -> Analysis:
        """A monitoring run on the machine and map of a completed baseline, waiting for a worker."""
        analysis = await self.uploaded(table=table, organization=baseline.organization_id)
        await self.admin.execute(
            "UPDATE analysis.analyses SET analysis_type = 'monitoring', machine_id = $2, dinsight_id = $3"
            " WHERE id = $1",
            analysis.id,
            baseline.machine_id,
            (await self.now(baseline)).dinsight_id,
        )
        return await self.now(analysis)

    async def now(self, analysis: Analysis) -> Analysis:
        async with self.units(Scope(organization_id=analysis.organization_id)) as unit:
            found = await unit.uploads.get(analysis.id)
        assert found is not None
        return found

    async def claim(self, analysis: Analysis, lease: timedelta) -> UUID:
        token = uuid4()
        async with self.units(Scope(organization_id=analysis.organization_id)) as unit:
            assert await unit.work.claim(analysis.id, token, lease) is not None
        return token

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


def received(analysis: Analysis) -> Event[UploadReceived]:
    return Event(
        uuid4(), UPLOAD_RECEIVED, str(analysis.id), analysis.organization_id, NOW, attempt_event(analysis)
    )
