"""The analysis service shows imported data as it shows its own."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx2
import pytest

from dinsight.installation import SERVICES
from dinsight.provision.migrations import upgrade
from services.analysis.main import create_app
from services.analysis.settings import Settings
from shared.settings import InstallationSettings
from tests.integration.cli.importing import run
from tests.integration.cli.legacy import Legacy
from tests.support.installation import create_database, drop_database
from tests.support.service import running
from tests.support.tokens import TokenIssuer

Client = httpx2.AsyncClient


@pytest.fixture
async def api(
    legacy: Legacy, postgres_admin_dsn: str, installation: InstallationSettings, tokens: TokenIssuer
) -> AsyncIterator[Client]:
    """The service over a freshly imported database, called by a member of the default organization."""
    database = await create_database(postgres_admin_dsn)
    for service in SERVICES:
        await asyncio.to_thread(upgrade, service, database.admin_dsn)
    imported = await run(legacy, database)
    settings = Settings(database_url=database.dsn("analysis"))
    async with running(create_app(installation, settings), installation) as client:
        client.headers.update(tokens.headers(imported.organization_id))
        yield client
    await drop_database(postgres_admin_dsn, database)


async def get(api: Client, path: str, **parameters: Any) -> Any:
    answer = await api.get(f"/api/v1{path}", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def analyses(api: Client, upload: UUID, kind: str) -> list[Any]:
    listed = (await get(api, "/analyses", analysis_type=kind))["items"]
    return [analysis for analysis in listed if analysis["file_upload_id"] == str(upload)]


async def test_imported_data_is_shown(api: Client, legacy: Legacy) -> None:
    for upload in (legacy.pump, legacy.fan, legacy.fan_run, legacy.broken, legacy.waiting):
        assert (await get(api, f"/file-uploads/{upload}"))["id"] == str(upload)
    assert len((await get(api, "/configs"))["items"]) == 3

    baselines = await analyses(api, legacy.pump, "baseline")
    assert len(baselines) == 2
    points = await get(api, f"/analyses/{baselines[0]['id']}/points")
    assert len(points["x"]) == len(points["y"]) == 40
    assert [note["participant"] for note in points["metadata"]] == [f"run {n}" for n in range(40)]

    runs = sorted(await analyses(api, legacy.pump, "monitoring"), key=lambda run: run["results"]["samples"])
    assert [run["results"]["samples"] for run in runs] == [4, 23]
    points = await get(api, f"/analyses/{runs[1]['id']}/points", start=8, stop=21)
    assert points["index"] == list(range(8, 21))
    assert all(distance >= 0 for distance in points["distance"])
    assert [note["s"] for note in points["metadata"]] == [8, 9, *range(10), 0]
    whole = await get(api, f"/analyses/{runs[0]['id']}/points")
    assert whole["metadata"] == [{"participant": "whole chunk"}] * 4

    features = await get(api, f"/file-uploads/{legacy.pump}/features", start=14, stop=18)
    assert features["features"] == [f"f_{n}" for n in range(8)]
    assert [len(row) for row in features["values"]] == [8] * 4
    single = await get(api, f"/file-uploads/{legacy.fan}/features", start=1, stop=4)
    assert [row[0] for row in single["values"]] == [1.5, 2.5, 3.5]
    assert single["metadata"] == [{}, {"load": 0.5}, {"value": "text"}]
