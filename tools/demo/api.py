"""A client of the platform's HTTP API that shares no code with the platform."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp

from tools.demo.errors import DemoError, RequestRefused

Json: TypeAlias = dict[str, Any]

PIECE_BYTES = 256 * 1024
# The largest answer here is the map of some thousand samples.
ANSWER_SECONDS = 60.0
# The server sends a comment every 15 seconds; a stream that stays silent for longer is dead.
STREAM_SILENCE_SECONDS = 40.0


@dataclass(frozen=True)
class ServerEvent:
    """One server-sent event; `data` is the payload of the topic of this name."""

    id: str
    type: str
    data: Json


class Api:
    """Sends requests to the gateway as one user."""

    def __init__(self, session: aiohttp.ClientSession, gateway: str) -> None:
        self._session = session
        self._gateway = gateway
        self._headers: dict[str, str] = {}

    def sign_in(self, token: str, organization_id: str | None) -> None:
        """Send this token with every further request."""
        self._headers["Authorization"] = f"Bearer {token}"
        if organization_id:
            self._headers["X-Organization-Id"] = organization_id

    async def get(self, path: str, **query: str | int) -> Json:
        return await self._request("GET", path, params=query)

    async def post(self, path: str, body: Json) -> Json:
        return await self._request("POST", path, json=body)

    async def upload(self, fields: Mapping[str, str], file: Path, sent: Callable[[int], None]) -> Json:
        """Start an analysis of a file. `sent` is called with the size of each chunk sent."""

        async def pieces() -> AsyncIterator[bytes]:
            with file.open("rb") as content:
                while piece := await asyncio.to_thread(content.read, PIECE_BYTES):
                    yield piece
                    sent(len(piece))

        form = aiohttp.FormData()
        for name, value in fields.items():
            form.add_field(name, value)
        form.add_field("files", pieces(), filename=file.name, content_type="application/octet-stream")
        # A file may take as long as the line needs, but not stand still.
        timeout = aiohttp.ClientTimeout(total=None, sock_read=ANSWER_SECONDS)
        return await self._request("POST", "/api/v1/analyses", data=form, timeout=timeout)

    @asynccontextmanager
    async def events(self, last_id: str | None) -> AsyncIterator[AsyncIterator[ServerEvent]]:
        """Stream the organization's events from now on, or after `last_id`. Entered once it is open."""
        headers = {**self._headers, **({"Last-Event-ID": last_id} if last_id else {})}
        timeout = aiohttp.ClientTimeout(total=None, sock_read=STREAM_SILENCE_SECONDS)
        url = self._gateway + "/api/v1/stream"
        async with self._session.get(url, headers=headers, timeout=timeout) as response:
            response.raise_for_status()
            yield _parse(response.content)

    async def _request(self, method: str, path: str, **options: Any) -> Json:
        options.setdefault("timeout", aiohttp.ClientTimeout(total=ANSWER_SECONDS))
        try:
            async with self._session.request(
                method, self._gateway + path, headers=self._headers, **options
            ) as response:
                body = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise DemoError(
                f"The platform does not answer at {self._gateway}{path} ({type(error).__name__})."
                " Start it with `make up`, or look into its logs with `make logs`."
            ) from error
        if response.status >= 400:
            raise RequestRefused(method, path, response.status, _detail(body))
        return dict(body)


def _detail(body: Any) -> str:
    if not isinstance(body, dict):
        return "no reason given"
    fields = "; ".join(f"{error['pointer']}: {error['detail']}" for error in body.get("errors", ()))
    return " ".join(filter(None, (str(body.get("detail", "")), fields)))


async def _parse(content: aiohttp.StreamReader) -> AsyncIterator[ServerEvent]:
    """Parse the text/event-stream format; comments are skipped."""
    fields: dict[str, str] = {}
    async for line in content:
        text = line.decode().rstrip("\r\n")
        if text:
            name, _, value = text.partition(":")
            fields[name] = value.removeprefix(" ")
        else:
            if "data" in fields and "event" in fields:
                yield ServerEvent(fields.get("id", ""), fields["event"], _payload(fields["data"]))
            fields = {}


def _payload(text: str) -> Json:
    item = json.loads(text)
    payload = item.get("data", item)
    return payload if isinstance(payload, dict) else {}
