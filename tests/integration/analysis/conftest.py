"""The analysis API and its worker on real servers; a stub stands in for the machines service."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import httpx2
import pytest
from aiohttp import web

from dinsight.provision.migrations import upgrade
from services.analysis.database.unit import PostgresUnits
from services.analysis.main import create_app
from services.analysis.objects.store import Storage
from services.analysis.settings import Settings
from services.analysis.worker import create_worker
from shared.clock import SystemClock
from shared.postgres.connection import Database
from shared.settings import InstallationSettings
from tests.integration.analysis.client import AnalysisClient
from tests.integration.analysis.workplace import Workplace
from tests.support.installation import TestDatabase, create_database, drop_database
from tests.support.service import running
from tests.support.tokens import TokenIssuer


class MachinesStub:
    """Machines with their organizations, by id."""

    def __init__(self) -> None:
        self.machines: dict[UUID, UUID] = {}
        self.asked: list[UUID] = []
        self.held: set[UUID] = set()

    async def answer(self, request: web.Request) -> web.Response:
        machine_id = UUID(request.match_info["machine_id"])
        self.asked.append(machine_id)
        organization = UUID(request.headers["X-Organization-Id"])
        if self.machines.get(machine_id) != organization:
            return web.json_response({"status": 404}, status=404)
        return web.json_response(
            {
                "id": str(machine_id),
                "name": "Pump 7",
                "status": "active",
                "legal_hold": machine_id in self.held,
            }
        )


@pytest.fixture(scope="package")
def machines_stub() -> MachinesStub:
    return MachinesStub()


@pytest.fixture(scope="package")
async def analysis_installation(
    installation: InstallationSettings, machines_stub: MachinesStub
) -> AsyncIterator[InstallationSettings]:
    app = web.Application()
    app.router.add_get("/api/v1/machines/{machine_id}", machines_stub.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    yield installation.model_copy(update={"machines_url": f"http://{host}:{port}"})
    await runner.cleanup()


@pytest.fixture(scope="package")
def analysis_settings(database: TestDatabase) -> Settings:
    return Settings(
        database_url=database.dsn("analysis"),
        # Small, so that an upload that is too large is rejected quickly.
        max_upload_bytes=32 * 2**20,
        max_files=3,
        lease_seconds=3,
        heartbeat_seconds=1,
        progress_seconds=0.05,
        upkeep_seconds=0.5,
    )


@pytest.fixture(scope="package")
async def api(
    analysis_installation: InstallationSettings, analysis_settings: Settings
) -> AsyncIterator[httpx2.AsyncClient]:
    async with running(create_app(analysis_installation, analysis_settings), analysis_installation) as client:
        yield client


@pytest.fixture(scope="package")
async def worker(
    analysis_installation: InstallationSettings, analysis_settings: Settings, api: httpx2.AsyncClient
) -> AsyncIterator[httpx2.AsyncClient]:
    application = create_worker(analysis_installation, analysis_settings)
    async with running(application, analysis_installation) as client:
        yield client


@pytest.fixture(scope="package")
def storage_folder(installation: InstallationSettings) -> Path:
    return Path(installation.storage_url.removeprefix("file://"))


@pytest.fixture(scope="package")
def objects(storage_folder: Path) -> Callable[[UUID | None], list[str]]:
    """The keys of one upload or of all, including those of incomplete objects."""

    def keys(upload_id: UUID | None = None) -> list[str]:
        folder = storage_folder / "uploads" / (str(upload_id) if upload_id else "")
        return sorted(str(path.relative_to(storage_folder)) for path in folder.rglob("*") if path.is_file())

    return keys


@pytest.fixture
def client(api: httpx2.AsyncClient, tokens: TokenIssuer, machines_stub: MachinesStub) -> AnalysisClient:
    """A new organization with one machine."""
    made = AnalysisClient(api, tokens)
    machines_stub.machines[made.machine_id] = made.organization_id
    return made


@pytest.fixture(scope="module")
async def place(
    postgres_admin_dsn: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Workplace]:
    created = await create_database(postgres_admin_dsn)
    await asyncio.to_thread(upgrade, "analysis", created.admin_dsn)
    settings = Settings(database_url=created.dsn("analysis"), progress_seconds=0.02, heartbeat_seconds=0.05)
    admin = await asyncpg.connect(created.admin_dsn)
    async with Database(created.dsn("analysis"), service="analysis", pool_size=10) as database:
        units = PostgresUnits(database, SystemClock(), uuid4)
        storage = Storage.at(f"file://{tmp_path_factory.mktemp('faults')}")
        yield Workplace(database, units, storage, settings, admin, created.admin_dsn)
    await admin.close()
    await drop_database(postgres_admin_dsn, created)
