"""The alerting service on a real database and broker, with a fake machines service."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import httpx2
import pytest
from aiohttp import web
from fastapi import FastAPI

from dinsight.provision.migrations import upgrade
from services.alerting.main import create_app
from services.alerting.settings import Settings
from shared.settings import InstallationSettings
from tests.integration.alerting.publishing import Publisher, publishing
from tests.support.installation import TestDatabase, create_database, drop_database
from tests.support.service import running


@dataclass
class FakeMachines:
    """Serves GET /machines/{id}, and records requests."""

    names: dict[tuple[UUID, UUID], str] = field(default_factory=dict)
    asked: list[UUID] = field(default_factory=list)

    def add(self, organization_id: UUID, name: str = "Pump 7") -> UUID:
        machine_id = uuid4()
        self.names[organization_id, machine_id] = name
        return machine_id

    async def answer(self, request: web.Request) -> web.Response:
        machine_id = UUID(request.match_info["machine_id"])
        self.asked.append(machine_id)
        assert request.headers["Authorization"].startswith("Bearer ")
        name = self.names.get((UUID(request.headers["X-Organization-Id"]), machine_id))
        if name is None:
            return web.json_response({}, status=404)
        return web.json_response({"id": str(machine_id), "name": name, "status": "active"})


@pytest.fixture(scope="package")
def machines() -> FakeMachines:
    return FakeMachines()


@pytest.fixture(scope="package")
async def machines_url(machines: FakeMachines) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/api/v1/machines/{machine_id}", machines.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}"
    await runner.cleanup()


@pytest.fixture(scope="package")
async def alerting_installation(
    installation: InstallationSettings, machines_url: str
) -> InstallationSettings:
    return installation.model_copy(update={"machines_url": machines_url})


@pytest.fixture(scope="package")
def alerting_settings(database: TestDatabase) -> Settings:
    return Settings(
        database_url=database.dsn("alerting"),
        webhook_allow_private=True,
        webhook_first_retry_seconds=0.05,
        webhook_attempts=3,
    )


@pytest.fixture(scope="package")
def application(alerting_installation: InstallationSettings, alerting_settings: Settings) -> FastAPI:
    return create_app(alerting_installation, alerting_settings)


@pytest.fixture(scope="package")
async def api(
    application: FastAPI, alerting_installation: InstallationSettings
) -> AsyncIterator[httpx2.AsyncClient]:
    async with running(application, alerting_installation) as client:
        yield client


@pytest.fixture(scope="package")
async def publisher(bootstrap: str) -> AsyncIterator[Publisher]:
    async with publishing(bootstrap) as opened:
        yield opened


@pytest.fixture(scope="package")
async def quiet_database(postgres_admin_dsn: str) -> AsyncIterator[TestDatabase]:
    """A database without a running service, which would claim its jobs."""
    created = await create_database(postgres_admin_dsn)
    await asyncio.to_thread(upgrade, "alerting", created.admin_dsn)
    yield created
    await drop_database(postgres_admin_dsn, created)


@pytest.fixture
def organization() -> UUID:
    return uuid4()
