"""A file that breaks off in the middle is not taken for a complete one, also behind the gateway."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from fastapi import APIRouter
from pydantic import BaseModel

from services.gateway.admission.connections import GatewayProtocol
from shared.errors import Unavailable
from shared.http import problems
from shared.http.document import Application
from shared.http.pages import Cursor, Page, PageParameters
from shared.http.standing import PATH as ACCESS_PATH
from shared.settings import InstallationSettings
from tests.integration.gateway.support import everything_at, gateway, listening
from tests.support.tokens import TokenIssuer

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
# More than the buffers of the sockets and of both programs hold.
PAGES = 200
CSV = {"Accept": "text/csv"}


class Row(BaseModel):
    text: str


class Source:
    """A list without end, or one that fails after some pages."""

    def __init__(self) -> None:
        self.pages = 0
        self.fails_after: int | None = None

    def application(self, tokens: TokenIssuer) -> Application:
        router = APIRouter()

        @router.get("/api/v1/auth/jwks.json")
        async def keys() -> dict[str, object]:
            return tokens.jwks()

        @router.post(ACCESS_PATH)
        async def access(asked: dict[str, Any]) -> dict[str, Any]:
            return tokens.standing(asked)

        @router.get("/api/v1/machines")
        async def list_rows(page: PageParameters) -> Page[Row]:
            if self.pages == self.fails_after:
                raise Unavailable("The database has gone away.")
            self.pages += 1
            cursor = Cursor(NOON - timedelta(seconds=self.pages), UUID(int=self.pages))
            return Page[Row](items=[Row(text="x" * 200)] * page.limit, next_cursor=cursor.encode())

        app = Application()
        problems.install(app)
        app.include_router(router)
        return app


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture(params=["service", "gateway"])
async def address(
    request: pytest.FixtureRequest, source: Source, installation: InstallationSettings, tokens: TokenIssuer
) -> AsyncIterator[str]:
    async with listening(source.application(tokens), http=GatewayProtocol) as service:
        if request.param == "service":
            yield service
        else:
            async with gateway(everything_at(installation, service), service) as front:
                yield front


@pytest.fixture
def headers(tokens: TokenIssuer) -> dict[str, str]:
    return CSV | tokens.headers(UUID(int=1))


async def test_a_failure_in_the_middle_cuts_the_connection(
    address: str, source: Source, headers: dict[str, str]
) -> None:
    source.fails_after = 3
    lines: list[str] = []

    async def read(response: httpx2.Response) -> None:
        async for line in response.aiter_lines():
            lines.append(line)

    async with (
        httpx2.AsyncClient(base_url=address) as client,
        client.stream("GET", "/api/v1/machines", headers=headers) as response,
    ):
        assert response.status_code == 200
        with pytest.raises(httpx2.RemoteProtocolError):
            await read(response)
    assert len(lines) > 500


async def test_a_failure_at_the_beginning_is_a_problem(
    address: str, source: Source, headers: dict[str, str]
) -> None:
    source.fails_after = 0
    async with httpx2.AsyncClient(base_url=address) as client:
        response = await client.get("/api/v1/machines", headers=headers)
    assert response.status_code == 503
    assert response.headers["content-type"] == "application/problem+json"


async def test_a_page_is_read_when_the_client_wants_it(
    address: str, source: Source, headers: dict[str, str]
) -> None:
    """Nobody reads: the service stops reading pages, too, and stops for good when the client hangs up."""
    async with (
        httpx2.AsyncClient(base_url=address) as client,
        client.stream("GET", "/api/v1/machines", headers=headers) as response,
    ):
        received = 0
        async for piece in response.aiter_bytes():
            received += len(piece)
            if received > 1_000_000:
                break
    # The rest of what has been sent and lies in buffers; the list itself has no end.
    assert source.pages < PAGES
