"""Rate limits of a gateway on a real port, in memory and in Redis; slow clients; response headers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import pytest
import structlog
from pydantic import SecretStr
from structlog.testing import capture_logs

from services.gateway.admission.limits import RateLimits
from shared.settings import InstallationSettings
from tests.integration.gateway.support import Upstream, gateway, memory
from tests.support.redis_server import needs_redis, redis_server
from tests.support.tokens import TokenIssuer
from tests.support.waiting import eventually

MAX_REQUESTS = 5
# A busy machine must not look like a Redis that is down.
PATIENT = 30.0
KEY = "dk_" + "3" * 32 + "_" + "4" * 64
Ask = Callable[[], Awaitable[aiohttp.ClientResponse]]


async def refused(ask: Ask, *, most: int = MAX_REQUESTS) -> aiohttp.ClientResponse:
    """The first 429. Around the turn of a minute a few more requests pass, but never twice as many."""
    for number in range(2 * most + 1):
        response = await ask()
        if response.status == 429:
            assert number >= most
            return response
    raise AssertionError("no request was refused")


@pytest.fixture
def limited(
    installation: InstallationSettings, upstream_address: str
) -> Callable[..., AbstractAsyncContextManager[str]]:
    """Builds a gateway with small limits."""
    return lambda **settings: gateway(installation, upstream_address, **settings)


@pytest.fixture
async def session(tokens: TokenIssuer) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as made:
        yield made


async def test_a_caller_over_the_limit_is_refused_and_others_are_not(
    limited: Any, session: aiohttp.ClientSession, tokens: TokenIssuer, upstream: Upstream
) -> None:
    organization, ada, eva = uuid4(), uuid4(), uuid4()
    async with limited(caller_requests_per_minute=MAX_REQUESTS) as place:

        async def ask(user: UUID = ada) -> aiohttp.ClientResponse:
            headers = tokens.headers(organization, user_id=user)
            return await session.get(f"{place}/api/v1/machines", headers=headers)

        first = await ask()
        assert first.headers["RateLimit-Policy"] == '"caller";q=5;w=60'
        response = await refused(ask, most=MAX_REQUESTS - 1)
        assert response.content_type == "application/problem+json"
        assert (await response.json())["type"] == "urn:dinsight:problem:too-many-requests"
        assert 1 <= int(response.headers["Retry-After"]) <= 60
        assert response.headers["RateLimit"].startswith('"caller";r=0;t=')
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        reached = len(upstream.requests)
        assert (await ask(eva)).status == 200
        assert len(upstream.requests) == reached + 1


async def test_an_api_key_is_counted_separately_from_its_user(
    limited: Any, session: aiohttp.ClientSession, tokens: TokenIssuer, upstream: Upstream
) -> None:
    organization, user = uuid4(), uuid4()
    upstream.keys_known[KEY] = tokens.issue(organization, user_id=user, akid=str(uuid4()))
    async with limited(caller_requests_per_minute=MAX_REQUESTS) as place:
        url = f"{place}/api/v1/machines"
        await refused(lambda: session.get(url, headers={"X-API-Key": KEY}))
        by_its_user = await session.get(url, headers=tokens.headers(organization, user_id=user))
        assert by_its_user.status == 200


async def test_an_address_is_limited_for_all_callers_and_health_is_not_counted(
    limited: Any, session: aiohttp.ClientSession, tokens: TokenIssuer
) -> None:
    async with limited(address_requests_per_minute=MAX_REQUESTS) as place:
        await refused(lambda: session.get(f"{place}/api/v1/machines"))
        signed_in = await session.get(f"{place}/api/v1/machines", headers=tokens.headers(uuid4()))
        assert signed_in.status == 429
        for path in ("/health/live", "/metrics"):
            assert (await session.get(place + path)).status == 200


async def test_signing_in_has_a_stricter_limit(limited: Any, session: aiohttp.ClientSession) -> None:
    async with limited(sign_in_requests_per_minute=MAX_REQUESTS) as place:
        await refused(lambda: session.post(f"{place}/api/v1/auth/login", json={}))
        assert (await session.post(f"{place}/api/v1/auth/register", json={})).status == 429
        # An existing session continues.
        assert (await session.post(f"{place}/api/v1/auth/refresh", json={})).status == 200


@needs_redis
async def test_gateways_share_counters_in_redis_and_pass_requests_while_it_is_down(
    limited: Any, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with redis_server(tmp_path) as redis:
        shared = {
            "rate_limit_url": SecretStr(redis.url),
            "rate_limit_seconds": PATIENT,
            "address_requests_per_minute": MAX_REQUESTS,
        }
        async with limited(**shared) as one, limited(**shared) as other:
            await refused(lambda: session.get(f"{one}/api/v1/machines"))
            assert (await session.get(f"{other}/api/v1/machines")).status == 429
            await redis.stop()
            for place in (one, other):
                # 401: the request passed the limits and has no token.
                assert (await session.get(f"{place}/api/v1/machines")).status == 401


@needs_redis
async def test_concurrent_requests_are_all_counted(tmp_path: Path) -> None:
    async with redis_server(tmp_path) as redis:
        limits = RateLimits(redis.url, seconds=PATIENT)
        found = await asyncio.gather(*(limits.hit("caller", MAX_REQUESTS, "ada") for _ in range(100)))
        assert None not in found
        assert sum(1 for quota in found if quota and not quota.retry_after) <= 2 * MAX_REQUESTS
        await limits.close()


@needs_redis
async def test_redis_is_used_again_when_it_is_back(tmp_path: Path) -> None:
    seconds = 0.0
    async with redis_server(tmp_path) as redis:
        limits = RateLimits(redis.url, seconds=PATIENT, now=lambda: seconds)
        assert await limits.hit("caller", MAX_REQUESTS, "ada") is not None
        await redis.stop()
        assert await limits.hit("caller", MAX_REQUESTS, "ada") is None
        await redis.start()
        seconds += 60
        assert await limits.hit("caller", MAX_REQUESTS, "ada") is not None
        await limits.close()


async def _connection(place: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", int(place.rpartition(":")[2]))


async def _dripping(writer: asyncio.StreamWriter, drop: bytes) -> None:
    while True:
        writer.write(drop)
        await asyncio.sleep(0.02)


async def test_a_dripping_body_is_a_408(limited: Any, tokens: TokenIssuer, upstream: Upstream) -> None:
    async with limited(idle_seconds=0.3, min_upload_bytes_per_second=1_000_000) as place:
        reader, writer = await _connection(place)
        token = tokens.issue(uuid4())
        head = f"POST /api/v1/analyses HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        writer.write(f"{head}Content-Length: 1000000\r\n\r\n".encode())
        dripping = asyncio.create_task(_dripping(writer, b"x"))
        try:
            answer = await asyncio.wait_for(reader.readline(), PATIENT)
        finally:
            dripping.cancel()
            writer.close()
        assert answer.startswith(b"HTTP/1.1 408")

        async def cancelled() -> bool:
            return upstream.cancelled == ["/api/v1/analyses"]

        await eventually(cancelled, what="the service's request ends too")


MAX_GROWTH = 64 * 1024 * 1024
POURED = 32 * 1024 * 1024


async def _pouring(place: str, beginning: bytes, rest: bytes) -> bytes:
    """Send a head without end until the connection closes; return the response."""
    reader, writer = await _connection(place)
    writer.write(beginning)
    for _ in range(POURED // len(rest)):
        try:
            writer.write(rest)
            await writer.drain()
        except ConnectionError:
            break
    else:
        raise AssertionError("the gateway took everything")
    try:
        answer = await reader.read()
    except ConnectionError:
        answer = b""
    writer.close()
    return answer


async def test_heads_without_end_are_cut_and_others_are_served(
    limited: Any, session: aiohttp.ClientSession
) -> None:
    """By their size: the deadline is far away."""
    async with limited(head_seconds=300) as place:
        before = memory()
        pouring = [
            asyncio.create_task(_pouring(place, beginning, rest))
            for beginning, rest in (
                (b"GET /", b"a" * 65_536),
                (b"GET / HTTP/1.1\r\nX: ", b"a" * 65_536),
                (b"GET / HTTP/1.1\r\n", b"X: y\r\n" * 8_192),
            )
            for _ in range(20)
        ]
        while not all(task.done() for task in pouring):
            assert (await session.get(f"{place}/health/live")).status == 200
        for answer in await asyncio.gather(*pouring):
            assert answer[:13] in (b"", b"HTTP/1.1 414 ", b"HTTP/1.1 431 ")
        assert memory() - before < MAX_GROWTH


@pytest.mark.parametrize("head", [b"", b"GET /health/live HTTP/1.1\r\nHost: x\r\n"])
async def test_a_head_that_does_not_end_in_time_is_cut(limited: Any, head: bytes) -> None:
    async with limited(head_seconds=0.3) as place:
        reader, writer = await _connection(place)
        writer.write(head)
        assert await asyncio.wait_for(reader.read(), PATIENT) == b""
        writer.close()


async def test_every_head_has_its_own_deadline(limited: Any) -> None:
    async with limited(head_seconds=1) as place:
        reader, writer = await _connection(place)
        for _ in range(2):
            writer.write(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = await asyncio.wait_for(reader.readuntil(b'"}'), PATIENT)
            assert answer.startswith(b"HTTP/1.1 200")
        # And a head that does not end.
        writer.write(b"GET /")
        assert await asyncio.wait_for(reader.read(), PATIENT) == b""
        writer.close()


async def test_idle_connections_of_one_address_do_not_use_up_all(limited: Any) -> None:
    async with limited(max_address_connections=3) as place:
        kept = [await _connection(place) for _ in range(3)]
        reader, writer = await _connection(place)
        assert (await asyncio.wait_for(reader.read(), PATIENT)).startswith(b"HTTP/1.1 429 ")
        writer.close()
        kept[0][1].close()

        async def served() -> bool:
            reader, writer = await _connection(place)
            writer.write(b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = await asyncio.wait_for(reader.read(), PATIENT)
            writer.close()
            return answer.startswith(b"HTTP/1.1 200 ")

        await eventually(served, what="the place of the closed connection")
        for _, each in kept[1:]:
            each.close()


async def test_responses_reveal_no_internals(client: aiohttp.ClientSession) -> None:
    for path in ("/api/v1/machines", "/api/v1/analyses/silent", "/nothing", "/api/v1/machines/redirect"):
        response = await client.get(path, allow_redirects=False)
        text = f"{response.headers} {await response.text() if response.status != 200 else ''}".lower()
        for word in ("uvicorn", "aiohttp", "python", "secret/1.0", "traceback", "127.0.0.1:"):
            assert word not in text, (path, word)
        assert response.headers["Permissions-Policy"]
        if path.startswith("/api/"):
            assert response.headers["Cache-Control"] == "no-store"


async def test_a_browser_may_send_an_api_key(stranger: aiohttp.ClientSession) -> None:
    ask = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "x-api-key"}
    response = await stranger.options("/api/v1/machines", headers={"Origin": "https://plant.example", **ask})
    assert response.status == 200
    assert "X-API-Key" in response.headers["Access-Control-Allow-Headers"]


async def test_the_access_log_says_who_did_what_from_where(
    limited: Any, session: aiohttp.ClientSession, tokens: TokenIssuer, upstream: Upstream
) -> None:
    """Refusals, uses of API keys and exports are seen there; keys are named by their ids alone."""
    organization, user, key_id = uuid4(), uuid4(), uuid4()
    upstream.keys_known[KEY] = tokens.issue(organization, user_id=user, akid=str(key_id))
    refused_key = "dk_" + "5" * 32 + "_" + "6" * 64
    merging = [structlog.contextvars.merge_contextvars]
    with capture_logs(processors=merging) as logs:
        async with limited() as place:
            url = f"{place}/api/v1/machines"
            await session.get(url, headers={"X-API-Key": KEY})
            await session.get(url, headers={"X-API-Key": refused_key})
            await session.get(url)
    used, refused, nobody = [entry for entry in logs if entry["event"] == "request"]
    assert used["status"] == 200
    assert (used["user_id"], used["api_key_id"]) == (str(user), str(key_id))
    assert (used["organization_id"], used["client_address"]) == (str(organization), "127.0.0.1")
    assert used["media_type"] == "application/json"
    assert (refused["status"], refused["api_key_id"]) == (401, str(UUID("5" * 32)))
    assert (nobody["status"], "user_id" in nobody, "api_key_id" in nobody) == (401, False, False)
    assert KEY not in str(logs)
    assert refused_key not in str(logs)
