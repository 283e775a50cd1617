"""The documents that the gateway serves."""

import json
from pathlib import Path

import aiohttp
import pytest

from tests.integration.gateway.support import Upstream
from tests.support.waiting import eventually

DOCS = Path(__file__).parents[4] / "docs"


@pytest.mark.parametrize(
    ("path", "name"), [("/openapi.json", "openapi.json"), ("/asyncapi", "asyncapi.json")]
)
async def test_the_committed_documents_are_served(
    stranger: aiohttp.ClientSession, path: str, name: str
) -> None:
    response = await stranger.get(path)
    assert response.content_type == "application/json"
    assert await response.json() == json.loads((DOCS / name).read_text(encoding="utf-8"))


async def test_the_page_loads_its_own_files_only(stranger: aiohttp.ClientSession) -> None:
    response = await stranger.get("/docs")
    page = await response.text()
    assert response.content_type == "text/html"
    assert "//" not in page.replace("<!doctype", "")
    policy = response.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    for name, kind in (
        ("swagger-ui.css", "text/css"),
        ("swagger-ui-bundle.js", "text/javascript"),
        ("start.js", "text/javascript"),
    ):
        assert f"/docs/{name}" in page
        asset = await stranger.get(f"/docs/{name}")
        assert (asset.status, asset.content_type) == (200, kind)


@pytest.mark.parametrize("name", ["routes.py", "index.html", "..%2froutes.py", "%2e%2e/errors.py"])
async def test_no_other_file_is_served(stranger: aiohttp.ClientSession, name: str) -> None:
    response = await stranger.get(f"/docs/{name}")
    assert response.status == 404


async def test_readiness_reports_the_services(stranger: aiohttp.ClientSession) -> None:
    async def ready() -> dict[str, str]:
        response = await stranger.get("/health/ready")
        body: dict[str, str] = await response.json()
        return body if response.status == 200 else {}

    body = await eventually(ready, what="readiness")
    assert {body[name] for name in ("broker", "keys", "stream", "auth", "alerting")} == {"ok"}


async def test_metrics_are_those_of_the_gateway(client: aiohttp.ClientSession, upstream: Upstream) -> None:
    assert (await client.get("/metrics")).status == 200
    assert upstream.requests == []
