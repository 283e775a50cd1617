"""`X-API-Key` at the gateway, in front of a small auth."""

from io import BytesIO
from uuid import UUID

import aiohttp
import pytest

from shared.access import Role
from tests.integration.gateway.support import Upstream
from tests.support.tokens import TokenIssuer

KEY = "dk_" + "1" * 32 + "_" + "2" * 64


@pytest.fixture
def key(upstream: Upstream, tokens: TokenIssuer, organization: UUID) -> dict[str, str]:
    """The header of a key that auth knows."""
    upstream.keys_known[KEY] = tokens.issue(organization, Role.OPERATOR)
    return {"X-API-Key": KEY}


async def test_a_service_gets_the_token_and_not_the_key(
    stranger: aiohttp.ClientSession, upstream: Upstream, key: dict[str, str]
) -> None:
    for _ in range(5):
        response = await stranger.get("/api/v1/machines", headers=key)
        assert response.status == 200
        seen = (await response.json())["headers"]
        assert seen["Authorization"] == f"Bearer {upstream.keys_known[KEY]}"
        assert "X-Api-Key" not in seen
    assert upstream.exchanges == 1


async def test_an_api_key_uploads(
    stranger: aiohttp.ClientSession, upstream: Upstream, key: dict[str, str]
) -> None:
    response = await stranger.post("/api/v1/analyses", data=BytesIO(b"x" * 1_000_000), headers=key)
    assert (response.status, upstream.received) == (202, 1_000_000)


async def test_an_api_key_follows_the_stream(
    stranger: aiohttp.ClientSession, key: dict[str, str], organization: UUID
) -> None:
    async with stranger.get("/api/v1/stream", headers=key) as response:
        assert response.status == 200
        assert b"connected" in await response.content.readline()
    async with stranger.get("/api/v1/stream", headers={"X-API-Key": "dk_bad"}) as refused:
        assert refused.status == 401


async def test_two_credentials_are_refused(
    client: aiohttp.ClientSession, upstream: Upstream, key: dict[str, str]
) -> None:
    response = await client.get("/api/v1/machines", headers=key)
    assert response.status == 400
    assert "either Authorization or X-API-Key" in (await response.json())["detail"]
    assert (upstream.requests, upstream.exchanges) == ([], 0)


async def test_a_refused_key_reaches_no_service_and_is_exchanged_once(
    stranger: aiohttp.ClientSession, upstream: Upstream
) -> None:
    bad = {"X-API-Key": "dk_bad"}
    for path in ("/api/v1/machines", "/api/v1/auth/login", "/api/v1/stream"):
        response = await stranger.get(path, headers=bad)
        assert (response.status, response.content_type) == (401, "application/problem+json")
        assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert (upstream.requests, upstream.exchanges) == ([], 1)


async def test_the_exchange_cannot_be_reached_from_outside(
    client: aiohttp.ClientSession, upstream: Upstream
) -> None:
    for path in ("/internal/api-keys/token", "/api/v1/../../internal/api-keys/token"):
        response = await client.post(path, json={"api_key": KEY})
        assert response.status == 404
    assert upstream.exchanges == 0
