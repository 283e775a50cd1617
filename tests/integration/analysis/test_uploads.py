"""Uploads: limits, malformed forms, clients that disconnect, repeated requests."""

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import psutil
import pytest
from fastapi import FastAPI

from services.analysis.main import create_app
from services.analysis.settings import Settings
from services.analysis.uploads.domain import file_key, upload_prefix
from shared.access import Role
from shared.settings import InstallationSettings
from tests.integration.analysis.client import AnalysisClient, csv, samples
from tests.integration.analysis.conftest import MachinesStub
from tests.support.service import running
from tests.support.tokens import TokenIssuer
from tests.support.waiting import eventually

TABLE = csv(samples(20))
BOUNDARY = b"----boundary"
HEAD = (
    b"--" + BOUNDARY + b'\r\nContent-Disposition: form-data; name="files"; filename="x.csv"\r\n'
    b"Content-Type: text/csv\r\n\r\n"
)


def tail(client: AnalysisClient) -> bytes:
    fields = {"machine_id": str(client.machine_id), "analysis_type": "baseline"}
    parts = [
        f'\r\n--{BOUNDARY.decode()}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}'
        for name, value in fields.items()
    ]
    return ("".join(parts) + f"\r\n--{BOUNDARY.decode()}--\r\n").encode()


async def send_body(client: AnalysisClient, body: AsyncIterator[bytes] | bytes) -> httpx2.Response:
    headers = client.headers | {"Content-Type": f"multipart/form-data; boundary={BOUNDARY.decode()}"}
    return await client.api.post("/api/v1/analyses", content=body, headers=headers)


def pointers(response: httpx2.Response) -> list[str]:
    assert response.status_code == 422, response.text
    return [error["pointer"] for error in response.json()["errors"]]


async def test_fields_may_come_after_the_files(client: AnalysisClient) -> None:
    response = await send_body(client, HEAD + TABLE + tail(client))
    assert response.status_code == 202, response.text


async def test_an_empty_file_is_rejected_immediately(
    client: AnalysisClient, objects: Callable[[UUID | None], list[str]]
) -> None:
    before = objects(None)
    response = await client.send("baseline", ("good.csv", TABLE), ("empty.csv", b""))
    assert pointers(response) == ["/body/files"]
    assert "'empty.csv' is empty" in response.json()["detail"]
    assert set(objects(None)) <= set(before)


@pytest.mark.parametrize(
    ("name", "words"),
    [("a" * 252 + ".csv", "255 characters"), ("a\u200bb.csv", "Rename")],
)
async def test_an_invalid_file_name_is_rejected_immediately(
    client: AnalysisClient, name: str, words: str
) -> None:
    response = await client.send("baseline", (name, TABLE))
    assert pointers(response) == ["/body/files"]
    assert words in response.json()["detail"]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"machine_id": "pump"}, "/body/machine_id"),
        ({"machine_id": ""}, "/body/machine_id"),
        ({"analysis_type": "guess"}, "/body/analysis_type"),
        ({"config_id": "first"}, "/body/config_id"),
        ({"config_id": "99999999999"}, "/body/config_id"),
        ({"baseline_id": str(uuid4())}, "/body/baseline_id"),
        ({"sensitivity": "2"}, "/body/sensitivity"),
    ],
)
async def test_bad_fields_are_named(client: AnalysisClient, fields: dict[str, Any], pointer: str) -> None:
    assert pointers(await client.send("baseline", ("x.csv", TABLE), **fields)) == [pointer]


async def test_no_file_and_too_many_files(client: AnalysisClient) -> None:
    assert pointers(await send_body(client, tail(client)[2:])) == ["/body/files"]
    response = await client.send("baseline", *[(f"{number}.csv", TABLE) for number in range(4)])
    assert "at most 3 files" in response.json()["detail"]


async def test_a_body_that_is_not_a_form(client: AnalysisClient) -> None:
    response = await client.api.post("/api/v1/analyses", content=TABLE, headers=client.headers)
    assert response.status_code == 415
    response = await send_body(client, HEAD + TABLE)
    assert response.status_code == 400
    assert "ends before its last boundary" in response.json()["detail"]
    assert (await send_body(client, b"no form at all")).status_code == 400


async def test_unknown_configuration_and_baseline(client: AnalysisClient) -> None:
    assert (await client.send("baseline", ("x.csv", TABLE), config_id="2147483647")).status_code == 404
    assert (await client.send("monitoring", ("x.csv", TABLE), baseline_id=str(uuid4()))).status_code == 404


async def test_another_organizations_configuration_is_not_found(
    client: AnalysisClient, tokens: TokenIssuer, machines_stub: MachinesStub
) -> None:
    stranger = AnalysisClient(client.api, tokens)
    config = await stranger.configure()
    response = await client.send("baseline", ("x.csv", TABLE), config_id=str(config["id"]))
    assert response.status_code == 404


async def test_a_large_upload_is_rejected_before_and_while_it_arrives(
    client: AnalysisClient, objects: Callable[[UUID | None], list[str]]
) -> None:
    before = objects(None)
    announced = await send_body(client, HEAD + bytes(40 * 2**20) + tail(client))
    assert announced.status_code == 413
    assert "32 MiB" in announced.json()["detail"]

    async def unannounced() -> AsyncIterator[bytes]:
        yield HEAD
        for _ in range(40):
            yield bytes(2**20)
        yield tail(client)

    assert (await send_body(client, unannounced())).status_code == 413
    assert set(objects(None)) <= set(before)


async def test_a_viewer_may_not_upload(client: AnalysisClient) -> None:
    response = await client.send("baseline", ("x.csv", TABLE), headers=client.as_role(Role.VIEWER))
    assert response.status_code == 403


async def test_an_upload_sent_twice_under_one_key_is_one_analysis(client: AnalysisClient) -> None:
    key = {"Idempotency-Key": uuid4().hex}
    first = await client.send("baseline", ("x.csv", TABLE), headers=key)
    # The boundary differs, since the client generates a new one for each attempt.
    second = await client.send("baseline", ("x.csv", TABLE), headers=key)
    assert second.json() == first.json()
    other = await client.send("baseline", ("x.csv", TABLE.replace(b"1", b"2")), headers=key)
    assert other.status_code == 422
    assert len((await client.get("/analyses")).json()["items"]) == 1


async def test_a_machine_is_requested_once(client: AnalysisClient, machines_stub: MachinesStub) -> None:
    for _ in range(2):
        assert (await client.send("baseline", ("x.csv", TABLE))).status_code == 202
    assert machines_stub.asked.count(client.machine_id) == 1


class Disconnecting:
    """An ASGI client that disconnects after sending part of a body."""

    def __init__(self, app: FastAPI, client: AnalysisClient, chunks: list[bytes]) -> None:
        self._app = app
        self._client = client
        self._chunks = chunks

    async def run(self) -> None:
        headers = {
            **self._client.headers,
            "Content-Type": f"multipart/form-data; boundary={BOUNDARY.decode()}",
        }
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "path": "/api/v1/analyses",
            "raw_path": b"/api/v1/analyses",
            "query_string": b"",
            "scheme": "http",
            "server": ("service", 80),
            "client": ("127.0.0.1", 1),
            "headers": [(n.lower().encode(), v.encode()) for n, v in headers.items()],
        }
        await self._app(scope, self._receive, self._send)

    async def _receive(self) -> dict[str, Any]:
        if self._chunks:
            return {"type": "http.request", "body": self._chunks.pop(0), "more_body": True}
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        """The client is no longer there."""


async def test_an_interrupted_upload_leaves_nothing(
    analysis_installation: InstallationSettings,
    analysis_settings: Settings,
    client: AnalysisClient,
    objects: Callable[[UUID | None], list[str]],
) -> None:
    app = create_app(analysis_installation, analysis_settings)
    before = objects(None)
    async with running(app, analysis_installation):
        # One whole file and 12 MiB of a second one, which is more than the store buffers.
        whole = HEAD + TABLE + b"\r\n"
        await Disconnecting(app, client, [whole, HEAD, *[bytes(2**20)] * 12]).run()

    async def as_before() -> bool:
        return set(objects(None)) <= set(before)

    await eventually(as_before, what="removal of the broken upload")
    assert (await client.get("/analyses")).json()["items"] == []


async def test_200_mb_pass_through_in_bounded_memory(
    analysis_installation: InstallationSettings,
    analysis_settings: Settings,
    client: AnalysisClient,
    tmp_path: Path,
) -> None:
    settings = analysis_settings.model_copy(update={"max_upload_bytes": 2**30})
    # A store of its own: a worker of other tests would reject the file, and the janitor delete it.
    installation = analysis_installation.model_copy(update={"storage_url": f"file://{tmp_path}"})
    app = create_app(installation, settings)
    size = 2**16
    highest = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal highest
        yield HEAD + b"header\n"
        for _ in range(200 * 2**20 // size):
            yield os.urandom(size)  # does not become smaller in the store
            highest = max(highest, psutil.Process().memory_info().rss)
        yield tail(client)

    async with running(app, installation) as api:
        gc.collect()
        before = psutil.Process().memory_info().rss
        sender = AnalysisClient(api, client.tokens)
        sender.organization_id, sender.machine_id = client.organization_id, client.machine_id
        sender.headers = client.headers
        response = await send_body(sender, body())
    assert response.status_code == 202, response.text
    assert highest - before < 64 * 2**20
    stored = tmp_path / file_key(upload_prefix(UUID(response.json()["file_upload_id"])), 0)
    assert stored.stat().st_size > 200 * 2**20
    await asyncio.to_thread(stored.unlink)
