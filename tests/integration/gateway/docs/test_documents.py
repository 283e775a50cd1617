"""The documents that the gateway serves."""

import aiohttp
from openapi_spec_validator import validate

from tests.integration.gateway.support import Upstream
from tests.support.waiting import eventually


async def test_one_valid_document_describes_everything(stranger: aiohttp.ClientSession) -> None:
    document = await (await stranger.get("/openapi.json")).json()
    validate(document)
    assert "get" in document["paths"]["/api/v1/machines"]
    assert document["paths"]["/api/v1/stream"]["get"]["operationId"] == "stream_events"
    assert "Problem" in document["components"]["schemas"]
    assert "x-missing" not in document


async def test_the_page_lists_the_operations_and_loads_its_own_files_only(
    stranger: aiohttp.ClientSession,
) -> None:
    response = await stranger.get("/docs")
    page = await response.text()
    assert response.content_type == "text/html"
    assert 'id="stream_events"' in page
    assert "List machines" in page
    assert "https://" not in page
    policy = response.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    for name, kind in (("docs.css", "text/css"), ("docs.js", "text/javascript")):
        assert f"/docs/{name}" in page
        assert (await stranger.get(f"/docs/{name}")).content_type == kind


async def test_the_topics_are_described_too(stranger: aiohttp.ClientSession) -> None:
    document = await (await stranger.get("/asyncapi")).json()
    assert document["asyncapi"].startswith("3.")
    assert "anomaly.detected" in str(document)


async def test_readiness_tells_of_the_services_behind(stranger: aiohttp.ClientSession) -> None:
    async def ready() -> dict[str, str]:
        response = await stranger.get("/health/ready")
        body: dict[str, str] = await response.json()
        return body if response.status == 200 else {}

    body = await eventually(ready, what="readiness")
    assert {body[name] for name in ("broker", "keys", "stream", "auth", "alerting")} == {"ok"}


async def test_metrics_are_not_passed_on(client: aiohttp.ClientSession, upstream: Upstream) -> None:
    assert (await client.get("/metrics")).status == 200
    assert upstream.requests == []
