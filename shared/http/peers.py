"""Requests to another service over HTTP, on a caller's behalf."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from opentelemetry.propagate import inject

from shared.access import Caller
from shared.errors import NotFound, Unauthenticated, Unavailable

# Services share a network; one that takes longer counts as down.
TIMEOUT = aiohttp.ClientTimeout(total=5)


class Peer:
    """An HTTP client of one service."""

    def __init__(self, base_url: str, *, name: str) -> None:
        self._base_url = base_url.rstrip("/")
        self._name = name
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
            self._session = session
            yield
        self._session = None

    async def get(self, path: str, *, caller: Caller | None = None) -> Mapping[str, Any]:
        """GET a JSON object. Raises NotFound on 404, Unavailable if the service does not respond."""
        headers: dict[str, str] = {}
        if caller is not None:
            headers["Authorization"] = f"Bearer {caller.token}"
            headers["X-Organization-Id"] = str(caller.organization_id)
        return await self._ask("GET", path, headers)

    async def post(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """POST a JSON object and return one. Raises Unauthenticated on 401, and what `get` raises."""
        return await self._ask("POST", path, {}, body)

    async def _ask(
        self, method: str, path: str, headers: dict[str, str], body: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        if self._session is None:
            raise Unavailable(f"The {self._name} service is not reachable yet. Try again shortly.")
        inject(headers)
        try:
            async with self._session.request(
                method, self._base_url + path, headers=headers, json=body
            ) as response:
                if response.status == 404:
                    raise NotFound(f"The {self._name} service has nothing at {path}.")
                if response.status == 401:
                    raise Unauthenticated(f"The {self._name} service does not accept these credentials.")
                if response.status != 200:
                    raise Unavailable(
                        f"The {self._name} service answered {response.status}. Try again shortly."
                    )
                answer: Mapping[str, Any] = await response.json()
                return answer
        except (TimeoutError, aiohttp.ClientError, ValueError) as error:
            raise Unavailable(f"The {self._name} service does not respond. Try again shortly.") from error
