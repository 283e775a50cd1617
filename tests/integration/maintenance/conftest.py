"""A migrated database with the data of a plant, copied for each test, and an object store of its own."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from dinsight.installation import SERVICES
from dinsight.maintenance.context import MaintenanceContext
from dinsight.maintenance.steps import Outcome, run
from dinsight.provision.databases import provision
from dinsight.provision.migrations import upgrade
from services.analysis.objects.store import Storage
from shared.postgres.connection import Connection, prepare_connection
from shared.retention import RetentionSettings
from shared.settings import InstallationSettings
from tests.integration.cli.conftest import close_to_all
from tests.integration.cli.conftest import copied as database_copy
from tests.integration.maintenance.plant import DAY, OLD, YOUNG, Machine, Plant
from tests.support.installation import PASSWORD, create_database, drop_database

TRAIL = 25
BATCH = 10


@dataclass
class Filled:
    """`ours` has the installation's limits, `exporting` asks for exports, `held` has a machine on hold."""

    dsn: str
    folder: Path
    ours: UUID
    exporting: UUID
    held: UUID
    machines: dict[UUID, Machine]


@dataclass
class Copy:
    """A copy of the plant's database and store."""

    filled: Filled
    dsn: str
    folder: Path
    admin: Connection

    def context(self, *, dry_run: bool = False, **retention: int) -> MaintenanceContext:
        return MaintenanceContext(
            admin_dsn=self.dsn,
            storage_url=f"file://{self.folder}",
            retention=RetentionSettings(**retention),  # type: ignore[arg-type] # fields by name
            installation=InstallationSettings(),
            dry_run=dry_run,
            batch=BATCH,
        )

    async def maintained(self, context: MaintenanceContext | None = None) -> dict[str, Outcome]:
        return {outcome.step: outcome async for outcome in run(context or self.context())}


class AdminPartitions:
    """Makes months on an administrator's connection, of tables that have months on this server."""

    def __init__(self, connection: Connection, schema: str) -> None:
        self._connection = connection
        self._schema = schema

    async def ensure(self, table: str, times: Iterable[datetime]) -> None:
        partitioned = "SELECT EXISTS (SELECT FROM pg_partitioned_table WHERE partrelid = $1::text::regclass)"
        if not await self._connection.fetchval(partitioned, f"{self._schema}.{table}"):
            return
        for month in sorted({time.date().replace(day=1) for time in times}):
            make = f"SELECT {self._schema}.make_month_partition($1, $2)"
            await self._connection.execute(make, table, month)

    async def ensure_coming(self, table: str, now: datetime) -> None:
        await self.ensure(table, [now])


@asynccontextmanager
async def admin_of(dsn: str) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(dsn)
    await prepare_connection(connection)
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture(scope="package")
async def filled(postgres_admin_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Filled]:
    database = await create_database(postgres_admin_dsn)
    for service in SERVICES:
        await asyncio.to_thread(upgrade, service, database.admin_dsn)
    folder = tmp_path_factory.mktemp("plant")
    async with admin_of(database.admin_dsn) as connection:
        plant = Plant(connection, Storage.at(f"file://{folder}"), "plant")
        times = [plant.now - age * DAY for age in (OLD, YOUNG)]
        for schema, table in (
            ("analysis", "anomalies"),
            ("analysis", "monitor_data"),
            ("auth", "audit_logs"),
        ):
            await AdminPartitions(connection, schema).ensure(table, times)
        ours, held = await plant.organization(), await plant.organization()
        exporting = await plant.organization({"export_audit_logs": True})
        machines = {
            ours: await plant.machine(ours),
            exporting: await plant.machine(exporting),
            held: await plant.machine(held, hold=True),
        }
        for organization in (ours, exporting, held, None):
            for age in (OLD, YOUNG):
                await plant.trail(organization, age, TRAIL)
        for service in SERVICES:
            await plant.messages(service)
    await close_to_all(postgres_admin_dsn, database)
    yield Filled(database.admin_dsn, folder, ours, exporting, held, machines)
    await drop_database(postgres_admin_dsn, database)


@pytest.fixture
def copied(
    postgres_admin_dsn: str, filled: Filled, tmp_path: Path
) -> Callable[[], AbstractAsyncContextManager[Copy]]:
    @asynccontextmanager
    async def copy() -> AsyncIterator[Copy]:
        async with database_copy(postgres_admin_dsn, filled.dsn) as dsn:
            await provision(dsn, dict.fromkeys(SERVICES, PASSWORD))
            folder = tmp_path / uuid4().hex
            await asyncio.to_thread(shutil.copytree, filled.folder, folder)
            async with admin_of(dsn) as admin:
                yield Copy(filled, dsn, folder, admin)

    return copy


@pytest.fixture
async def copy(copied: Callable[[], AbstractAsyncContextManager[Copy]]) -> AsyncIterator[Copy]:
    async with copied() as made:
        yield made
