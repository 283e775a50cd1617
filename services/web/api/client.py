"""Calls of the public API at the gateway."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson
from opentelemetry.propagate import inject
from yarl import URL

from services.web.errors import ApiBroken, ApiError, Unsendable
from shared.process import REUSE_CONNECTION_SECONDS

PREFIX = "/api/v1"
Json = Mapping[str, Any]


def as_json(body: object) -> bytes:
    """The JSON of a body. Raises Unsendable: forms hold JSON of visitors, as deep as they like."""
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError as error:
        raise Unsendable from error


class ApiClient:
    """The HTTP client that all visitors share. It keeps no cookie and follows no redirect."""

    def __init__(self, base_url: str, *, seconds: float) -> None:
        self._base_url = base_url.rstrip("/")
        self._seconds = seconds
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=REUSE_CONNECTION_SECONDS),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=self._seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        ) as session:
            self._session = session
            yield
        self._session = None

    async def request(
        self, method: str, target: str, *, headers: Mapping[str, str], body: Any = None
    ) -> aiohttp.ClientResponse:
        """The response, whatever its status; the caller closes it. Raises ApiBroken.

        `target` is an encoded path with its query; `body` bytes or an asynchronous iterator of them.
        """
        if self._session is None:
            raise ApiBroken
        sent = dict(headers)
        inject(sent)
        try:
            return await self._session.request(
                method,
                URL(self._base_url + target, encoded=True),
                headers=sent,
                data=body,
                allow_redirects=False,
            )
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ApiBroken from error

    async def json(self, method: str, target: str, *, headers: Mapping[str, str], body: Any = None) -> Json:
        """The JSON object of a successful response; empty for 204. Raises ApiError, ApiBroken."""
        async with await self.request(method, target, headers=headers, body=body) as response:
            if response.status >= 400:
                raise await read_problem(response)
            return await read_object(response) if response.status != 204 else {}

    async def check(self) -> None:
        """Raises ApiBroken while the gateway does not respond."""
        async with await self.request("GET", "/health/live", headers={}):
            return


async def read_problem(response: aiohttp.ClientResponse) -> ApiError:
    """The problem that a response tells. Raises ApiBroken."""
    found = ApiError(response.status, await read_object(response))
    if (wait := response.headers.get("Retry-After")) is not None:
        found.headers["Retry-After"] = wait
    return found


async def read_object(response: aiohttp.ClientResponse) -> Json:
    """The JSON object of a response; empty for any other content. Raises ApiBroken."""
    try:
        answer = await response.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise ApiBroken from error
    return answer if isinstance(answer, dict) else {}
