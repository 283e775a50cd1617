"""Asking another service over HTTP, on a caller's behalf."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from opentelemetry.propagate import inject

from shared.access import Caller
from shared.errors import NotFound, Unauthenticated, Unavailable

# Peers are next door; one that takes longer is down for this request.
TIMEOUT = aiohttp.ClientTimeout(total=5)


class Peer:
    """A client of one service; `base_url` without a trailing slash."""

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
        """GET a JSON object. Raises NotFound on 404, Unavailable when the peer cannot answer."""
        headers: dict[str, str] = {}
        if caller is not None:
            headers["Authorization"] = f"Bearer {caller.token}"
            headers["X-Organization-Id"] = str(caller.organization_id)
        return await self._ask("GET", path, headers)

    async def post(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """POST a JSON object, get one. Raises Unauthenticated on 401, and as `get` does."""
        return await self._ask("POST", path, {}, body)

    async def _ask(
        self, method: str, path: str, headers: dict[str, str], body: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        if self._session is None:
            raise Unavailable(f"The {self._name} service cannot be asked yet. Try again shortly.")
        inject(headers)
        try:
            async with self._session.request(
                method, self._base_url + path, headers=headers, json=body
            ) as response:
                if response.status == 404:
                    raise NotFound(f"The {self._name} service knows nothing at {path}.")
                if response.status == 401:
                    raise Unauthenticated(f"The {self._name} service does not accept these credentials.")
                if response.status != 200:
                    raise Unavailable(
                        f"The {self._name} service answered {response.status}. Try again shortly."
                    )
                answer: Mapping[str, Any] = await response.json()
                return answer
        except (TimeoutError, aiohttp.ClientError, ValueError) as error:
            raise Unavailable(f"The {self._name} service does not answer. Try again shortly.") from error
