"""Archived analyses are listed and can be restored exactly; what others need is never archived."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from shared.access import Role
from shared.events.analysis import ANALYSIS_ARCHIVED, ANALYSIS_RESTORED
from tests.integration.analysis.client import AnalysisClient, csv, samples
from tests.integration.analysis.conftest import MachinesStub
from tests.support.installation import TestDatabase
from tests.support.records import reading
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("worker")

ANSWERS = (
    "/analyses/{id}",
    "/analyses/{id}/points",
    "/file-uploads/{file_upload_id}",
    "/file-uploads/{file_upload_id}/features",
    "/anomalies?analysis_id={id}&limit=500",
)


async def status(client: AnalysisClient, analysis_id: str, wanted: str) -> dict[str, Any]:
    async def reached() -> dict[str, Any] | None:
        body = (await client.get(f"/analyses/{analysis_id}")).json()
        return dict(body) if body["status"] == wanted else None

    found = await eventually(reached, what=f"status {wanted} of {analysis_id}")
    assert found is not None
    return found


async def archived(client: AnalysisClient, analysis_id: str) -> dict[str, Any]:
    response = await client.post(f"/analyses/{analysis_id}/archive")
    assert response.status_code == 202, response.text
    assert response.headers["Location"] == f"/api/v1/analyses/{analysis_id}"
    assert response.json() == {"id": analysis_id, "status": "completed", "stage": "archiving"}
    return await status(client, analysis_id, "archived")


async def restored(client: AnalysisClient, analysis_id: str) -> dict[str, Any]:
    response = await client.post(f"/analyses/{analysis_id}/restore")
    assert response.status_code == 202, response.text
    return await status(client, analysis_id, "completed")


async def answers(client: AnalysisClient, analysis: dict[str, Any]) -> dict[str, bytes]:
    found = {}
    for template in ANSWERS:
        path, _, query = template.format(**analysis).partition("?")
        response = await client.get(path, **dict(pair.split("=") for pair in query.split("&") if pair))
        assert response.status_code == 200, response.text
        found[template] = response.content
    anomalies = (await client.get("/anomalies", analysis_id=analysis["id"], limit=500)).json()["items"]
    for anomaly in anomalies:
        found[anomaly["id"]] = (await client.get(f"/anomalies/{anomaly['id']}")).content
    return found


async def two_generations(client: AnalysisClient) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """A baseline with a run with anomalies, and the baseline that has replaced it."""
    await client.configure()
    old = await client.completed("baseline", ("old.csv", csv(samples(80))))
    run = await client.completed("monitoring", ("run.csv", csv(samples(700, seed=2, shifted=range(40)))))
    new = await client.completed("baseline", ("new.csv", csv(samples(80, seed=3))))
    return old, run, new


async def test_a_restored_analysis_answers_as_before(client: AnalysisClient, database: TestDatabase) -> None:
    old, run, _ = await two_generations(client)
    [first, *_] = (await client.get("/anomalies", analysis_id=run["id"])).json()["items"]
    assert (await client.post(f"/anomalies/{first['id']}/acknowledge")).status_code == 200
    before = {kind: await answers(client, analysis) for kind, analysis in (("old", old), ("run", run))}
    rows = await stored(database, old, run)
    assert all(rows.values()), "both analyses have rows in every table"

    listed = await archived(client, run["id"])
    assert (listed["results"], listed["stage"]) == (run["results"], None)
    assert listed["archived_at"] is not None
    await archived(client, old["id"])
    gone = await stored(database, old, run)
    assert gone == {table: [] for table in rows}, "no row is left of either"
    items = (await client.get("/analyses", status="archived")).json()["items"]
    assert {item["id"] for item in items} == {old["id"], run["id"]}
    health = (await client.get(f"/machines/{client.machine_id}/health")).json()
    assert len(health["wear"]) == 1, "the history of the machine keeps archived runs"

    # The run's baseline comes back with it.
    await restored(client, run["id"])
    await status(client, old["id"], "completed")
    assert await stored(database, old, run) == rows
    assert {
        kind: await answers(client, analysis) for kind, analysis in (("old", old), ("run", run))
    } == before


async def stored(database: TestDatabase, *analyses: dict[str, Any]) -> dict[str, list[str]]:
    """Every row of the analyses, byte for byte as PostgreSQL writes it."""
    ids = [UUID(analysis["id"]) for analysis in analyses]
    uploads = [UUID(analysis["file_upload_id"]) for analysis in analyses]
    queries = {
        "feature_data": ("file_upload_id", uploads),
        "dinsight_data": ("file_upload_id", uploads),
        "monitor_data": ("analysis_id", ids),
        "anomalies": ("analysis_id", ids),
    }
    connection = await asyncpg.connect(database.admin_dsn)
    try:
        return {
            table: [
                row[0]
                for row in await connection.fetch(
                    f"SELECT t::text FROM analysis.{table} t WHERE {column} = ANY ($1) ORDER BY id", key
                )
            ]
            for table, (column, key) in queries.items()
        }
    finally:
        await connection.close()


async def test_reading_an_archived_analysis_says_how_to_restore_it(client: AnalysisClient) -> None:
    _, run, _ = await two_generations(client)
    await archived(client, run["id"])
    for path, query in (
        (f"/analyses/{run['id']}/points", {}),
        (f"/file-uploads/{run['file_upload_id']}/features", {}),
        ("/anomalies", {"analysis_id": run["id"]}),
    ):
        response = await client.get(path, **query)
        assert response.status_code == 409, response.text
        assert response.json()["type"] == "urn:dinsight:problem:analysis-archived"
        assert f"POST /api/v1/analyses/{run['id']}/restore" in response.json()["detail"]
    assert (await client.get("/anomalies", machine_id=client.machine_id)).json()["items"] == []


async def test_what_others_need_is_not_archived(client: AnalysisClient) -> None:
    old, run, new = await two_generations(client)
    for analysis, detail in ((new, "active baseline"), (old, "1 run(s) that are not archived")):
        response = await client.post(f"/analyses/{analysis['id']}/archive")
        assert response.status_code == 409, response.text
        assert response.json()["type"] == "urn:dinsight:problem:baseline-in-use"
        assert detail in response.json()["detail"]
    not_archived = await client.post(f"/analyses/{run['id']}/restore")
    assert not_archived.status_code == 409
    assert not_archived.json()["type"] == "urn:dinsight:problem:not-archived"
    await archived(client, run["id"])
    again = await client.post(f"/analyses/{run['id']}/archive")
    assert again.json()["type"] == "urn:dinsight:problem:not-complete"
    await archived(client, old["id"])
    placed = await client.send("monitoring", ("run.csv", csv(samples(5))), baseline_id=old["id"])
    assert placed.status_code == 409
    assert f"POST /api/v1/analyses/{old['id']}/restore" in placed.json()["detail"]
    missing = await client.post(f"/analyses/{uuid4()}/restore")
    assert missing.status_code == 404


async def test_a_legal_hold_keeps_everything(client: AnalysisClient, database: TestDatabase) -> None:
    _, run, _ = await two_generations(client)
    connection = await asyncpg.connect(database.admin_dsn)
    try:
        hold = "UPDATE analysis.machine_refs SET legal_hold = true WHERE id = $1"
        await connection.execute(hold, client.machine_id)
    finally:
        await connection.close()
    response = await client.post(f"/analyses/{run['id']}/archive")
    assert (response.status_code, response.json()["type"]) == (409, "urn:dinsight:problem:legal-hold")


async def test_a_hold_whose_event_is_late_prevents_a_deletion(
    client: AnalysisClient, machines_stub: MachinesStub
) -> None:
    _, run, _ = await two_generations(client)
    path = f"/api/v1/analyses/{run['id']}"
    machines_stub.held.add(client.machine_id)
    response = await client.api.delete(path, headers=client.headers)
    assert (response.status_code, response.json()["type"]) == (409, "urn:dinsight:problem:legal-hold")
    machines_stub.held.remove(client.machine_id)
    assert (await client.api.delete(path, headers=client.headers)).status_code == 202


async def test_viewers_neither_archive_nor_restore(client: AnalysisClient) -> None:
    for action in ("archive", "restore"):
        path = f"/api/v1/analyses/{uuid4()}/{action}"
        response = await client.api.post(path, headers=client.as_role(Role.VIEWER))
        assert response.status_code == 403


async def test_archiving_and_restoring_are_published(client: AnalysisClient, bootstrap: str) -> None:
    _, run, _ = await two_generations(client)
    await archived(client, run["id"])
    await restored(client, run["id"])
    async with reading(bootstrap, ANALYSIS_ARCHIVED, ANALYSIS_RESTORED) as records:
        [gone] = await records.wait_for(ANALYSIS_ARCHIVED, 1, analysis_id=UUID(run["id"]))
        [back] = await records.wait_for(ANALYSIS_RESTORED, 1, analysis_id=UUID(run["id"]))
    assert gone.organization_id == back.organization_id == client.organization_id


async def test_a_damaged_archive_is_not_restored(client: AnalysisClient, storage_folder: Path) -> None:
    _, run, _ = await two_generations(client)
    await archived(client, run["id"])
    [features] = (storage_folder / "archives" / run["id"]).rglob("feature_data.parquet")
    content = bytearray(await asyncio.to_thread(features.read_bytes))
    content[len(content) // 2] ^= 1
    await asyncio.to_thread(features.write_bytes, content)
    assert (await client.post(f"/analyses/{run['id']}/restore")).status_code == 202

    async def given_up() -> bool:
        return (await client.get(f"/analyses/{run['id']}")).json()["stage"] is None

    await eventually(given_up, what="the end of the attempts")
    assert (await client.get(f"/analyses/{run['id']}")).json()["status"] == "archived"
    content[len(content) // 2] ^= 1
    await asyncio.to_thread(features.write_bytes, content)
    await restored(client, run["id"])
