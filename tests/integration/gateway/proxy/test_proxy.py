"""The proxy between real sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from io import BytesIO
from uuid import UUID

import aiohttp
import pytest
from yarl import URL

from shared.infrastructure import JWKS_PATH
from shared.settings import InstallationSettings
from tests.integration.gateway.support import PIECE, Upstream, gateway, memory
from tests.support.tokens import TokenIssuer
from tests.support.waiting import eventually

LARGE = 200 * 1024 * 1024
# Client, gateway and service share this process, so 200 MB in memory would show.
MAX_GROWTH = 64 * 1024 * 1024


@pytest.fixture
async def impatient(
    installation: InstallationSettings, upstream_address: str, tokens: TokenIssuer, organization: UUID
) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of a gateway with short timeouts."""
    headers = tokens.headers(organization)
    async with (
        gateway(installation, upstream_address, idle_seconds=0.3) as place,
        aiohttp.ClientSession(place, headers=headers) as session,
    ):
        yield session


async def pieces(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield PIECE


async def test_requests_and_responses_pass_unchanged(client: aiohttp.ClientSession) -> None:
    response = await client.patch(
        URL("/api/v1/machines/a%2Fb?q=%20x&q=2", encoded=True), data=b"body", headers={"X-Mine": "1"}
    )
    echoed = await response.json()
    assert echoed["path"] == "/api/v1/machines/a%2Fb?q=%20x&q=2"
    assert (echoed["method"], echoed["body"], echoed["headers"]["X-Mine"]) == ("PATCH", "body", "1")
    assert response.headers["X-Kept"] == "yes"


async def test_forwarding_headers_of_clients_are_not_trusted(
    client: aiohttp.ClientSession, address: str
) -> None:
    lies = {
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Host": "evil.example",
        "Forwarded": "for=203.0.113.9",
        "Host": "evil.example",
        "Connection": "X-Hop",
        "X-Hop": "1",
    }
    response = await client.get("/api/v1/machines", headers=lies)
    seen = (await response.json())["headers"]
    assert seen["X-Forwarded-For"] == "127.0.0.1"
    assert "evil.example" not in str(seen)
    assert seen["Host"] not in address
    assert not {"Forwarded", "X-Forwarded-Host", "X-Hop"} & seen.keys()


async def test_responses_do_not_reveal_the_services(client: aiohttp.ClientSession) -> None:
    response = await client.get("/api/v1/machines")
    assert "Server" not in response.headers
    assert "X-Private" not in response.headers
    moved = await client.get("/api/v1/machines/redirect", allow_redirects=False)
    assert (moved.status, moved.headers["Location"]) == (307, "/api/v1/machines/elsewhere")


@pytest.mark.parametrize("authorization", [None, "Bearer nonsense", "Basic YTpi"])
async def test_without_a_valid_token_nothing_reaches_a_service(
    stranger: aiohttp.ClientSession, upstream: Upstream, authorization: str | None
) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    response = await stranger.post("/api/v1/analyses", data=b"x", headers=headers)
    assert response.status == 401
    assert response.content_type == "application/problem+json"
    assert upstream.requests == []


async def test_public_paths_need_no_token(stranger: aiohttp.ClientSession) -> None:
    assert (await stranger.post("/api/v1/auth/login", json={})).status == 200
    assert (await stranger.get(JWKS_PATH)).status == 200


@pytest.mark.parametrize(
    "path",
    ["/", "/api/v1", "/api/v1/nothing", "/metrics/x", "/api/v1/auth/%2e%2e/machines", "/api/v1//auth/login"],
)
async def test_an_unknown_path_is_a_problem(
    client: aiohttp.ClientSession, upstream: Upstream, path: str, address: str
) -> None:
    # Sent as written: a client library would normalize the path.
    port = int(address.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 404"), answer
    assert b"application/problem+json" in answer
    assert upstream.requests == []


async def test_a_large_upload_streams(client: aiohttp.ClientSession, upstream: Upstream) -> None:
    before = memory()
    response = await client.post("/api/v1/analyses", data=pieces(LARGE // len(PIECE)))
    assert response.status == 202
    assert (await response.json())["received"] == LARGE
    assert upstream.peak_memory - before < MAX_GROWTH


async def test_a_large_download_streams_and_stays_encoded(
    client: aiohttp.ClientSession, upstream: Upstream
) -> None:
    before, size = memory(), 0
    async with client.get(f"/api/v1/file-uploads/large?pieces={LARGE // len(PIECE)}") as response:
        assert response.headers["Content-Encoding"] == "x-raw"
        async for piece in response.content.iter_any():
            size += len(piece)
    assert size == LARGE
    assert upstream.peak_memory - before < MAX_GROWTH


async def test_hanging_up_during_an_upload_cancels_the_services_request(
    client: aiohttp.ClientSession, upstream: Upstream
) -> None:
    stuck = asyncio.Event()

    async def halting() -> AsyncIterator[bytes]:
        yield PIECE
        await stuck.wait()

    upload = asyncio.create_task(client.post("/api/v1/analyses", data=halting()))

    async def arrived() -> bool:
        return upstream.received > 0

    async def told() -> bool:
        return upstream.cancelled == ["/api/v1/analyses"]

    await eventually(arrived, what="the upload's beginning")
    upload.cancel()
    await eventually(told, what="the service learns of the hang-up")


async def test_hanging_up_before_the_response_cancels_the_services_request(
    client: aiohttp.ClientSession, upstream: Upstream
) -> None:
    request = asyncio.create_task(client.get("/api/v1/analyses/slow"))

    async def arrived() -> bool:
        return len(upstream.requests) == 1

    async def told() -> bool:
        return upstream.cancelled == ["/api/v1/analyses/slow"]

    await eventually(arrived, what="the request at the service")
    request.cancel()
    await eventually(told, what="the service learns of the hang-up")


async def test_a_service_that_is_down_is_a_503_with_retry_after(
    installation: InstallationSettings, tokens: TokenIssuer, organization: UUID
) -> None:
    upstream = Upstream(tokens)
    async with AsyncExitStack() as stack:
        going = AsyncExitStack()
        upstream_address = await going.enter_async_context(upstream.serving())
        place = await stack.enter_async_context(gateway(installation, upstream_address))
        headers = tokens.headers(organization)
        session = await stack.enter_async_context(aiohttp.ClientSession(place, headers=headers))
        assert (await session.get("/api/v1/machines")).status == 200
        await going.aclose()
        response = await session.get("/api/v1/machines")
        assert (response.status, response.headers["Retry-After"]) == (503, "2")
        assert (await response.json())["type"] == "urn:dinsight:problem:service-down"


async def test_a_silent_service_is_a_504(impatient: aiohttp.ClientSession) -> None:
    response = await impatient.get("/api/v1/analyses/slow")
    assert response.status == 504
    assert (await response.json())["type"] == "urn:dinsight:problem:answer-too-late"


async def test_a_service_that_disconnects_before_it_responds_is_a_502(client: aiohttp.ClientSession) -> None:
    assert (await client.get("/api/v1/analyses/silent")).status == 502


async def test_an_interrupted_response_is_not_mistaken_for_a_complete_one(
    client: aiohttp.ClientSession,
) -> None:
    async with client.get("/api/v1/analyses/broken") as response:
        assert response.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_over_the_routes_limit_is_refused(
    client: aiohttp.ClientSession, upstream: Upstream, announced: bool
) -> None:
    size = 1024 * 1024 + 1
    body = BytesIO(bytes(size)) if announced else pieces(size // len(PIECE) + 1)
    response = await client.post("/api/v1/machines", data=body)
    assert response.status == 413
    assert (await response.json())["limit"] == 1024 * 1024
    assert upstream.requests == [] or not announced


async def test_a_stalled_body_is_a_408(impatient: aiohttp.ClientSession) -> None:
    async def halting() -> AsyncIterator[bytes]:
        yield PIECE
        await asyncio.Event().wait()

    response = await impatient.post("/api/v1/analyses", data=halting())
    assert response.status == 408
    response.close()


async def test_too_many_headers_are_refused(client: aiohttp.ClientSession) -> None:
    response = await client.get("/api/v1/machines", headers={f"X-{n}": "1" for n in range(120)})
    assert response.status == 431
    assert (await client.get("/api/v1/machines?q=" + "x" * 8200)).status == 414


async def test_every_response_has_the_security_headers(stranger: aiohttp.ClientSession) -> None:
    for path in ("/api/v1/machines", "/docs", "/nothing"):
        headers = (await stranger.get(path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "Strict-Transport-Security" not in headers
        assert "Server" not in headers


async def test_only_listed_origins_may_call_from_a_browser(stranger: aiohttp.ClientSession) -> None:
    ask = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    listed = await stranger.options("/api/v1/machines", headers={"Origin": "https://plant.example", **ask})
    other = await stranger.options("/api/v1/machines", headers={"Origin": "https://evil.example", **ask})
    assert listed.headers["Access-Control-Allow-Origin"] == "https://plant.example"
    assert "Access-Control-Allow-Origin" not in other.headers
