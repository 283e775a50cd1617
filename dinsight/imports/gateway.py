"""A client of the gateway's public API, as any other system is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp

from dinsight.imports.dataset import KnownEvent
from dinsight.imports.errors import ImportRefused, RequestRefused
from dinsight.installation import CommandError

Json = dict[str, Any]

PIECE_BYTES = 2**18
ANSWER_SECONDS = 120.0
POLL_SECONDS = 0.5
POINTS_AT_ONCE = 100_000


class Gateway:
    """Sends requests with an API key."""

    def __init__(self, session: aiohttp.ClientSession, address: str, *, poll: float = POLL_SECONDS) -> None:
        self._session, self._address, self._poll = session, address.rstrip("/"), poll

    @classmethod
    @asynccontextmanager
    async def opened(cls, address: str, api_key: str) -> AsyncIterator[Gateway]:
        async with aiohttp.ClientSession(headers={"X-API-Key": api_key}) as session:
            yield cls(session, address)

    async def get(self, path: str, **query: str | int) -> Json:
        return await self._request("GET", path, params=query)

    async def post(self, path: str, body: Json) -> Json:
        return await self._request("POST", path, json=body)

    async def analyse(self, fields: Mapping[str, str], file: Path, labels: Sequence[KnownEvent] = ()) -> str:
        """Upload a file for analysis; return the analysis's id."""

        async def pieces() -> AsyncIterator[bytes]:
            with file.open("rb") as content:
                while piece := await asyncio.to_thread(content.read, PIECE_BYTES):
                    yield piece

        form = aiohttp.FormData()
        for name, value in fields.items():
            form.add_field(name, value)
        if labels:
            form.add_field("labels", _label_file(labels), filename="labels.csv", content_type="text/csv")
        form.add_field("files", pieces(), filename=file.name, content_type="application/octet-stream")
        # A file may take as long as the line needs, but not stand still.
        timeout = aiohttp.ClientTimeout(total=None, sock_read=ANSWER_SECONDS)
        return str((await self._request("POST", "/analyses", data=form, timeout=timeout))["id"])

    async def completed(self, analysis_id: str) -> Json:
        """Wait until an analysis has ended. Raises ImportRefused with its error if it failed."""
        while True:
            analysis = await self.get(f"/analyses/{analysis_id}")
            if analysis["status"] == "completed":
                return analysis
            if analysis["status"] == "failed":
                raise ImportRefused(f"Analysis {analysis_id} failed: {analysis['error']['message']}")
            await asyncio.sleep(self._poll)

    async def samples(self, analysis_id: str, count: int, time: str) -> list[tuple[datetime, bool]]:
        """Return the times of a run's samples that have been judged, and whether each is an anomaly."""
        found: list[tuple[datetime, bool]] = []
        for start in range(0, count, POINTS_AT_ONCE):
            stop = min(count, start + POINTS_AT_ONCE)
            points = await self.get(f"/analyses/{analysis_id}/points", start=start, stop=stop)
            for entry, anomaly, distance in zip(
                points["metadata"], points["anomaly"], points["distance"], strict=True
            ):
                if distance is not None and entry.get(time):
                    found.append((datetime.fromisoformat(entry[time]), bool(anomaly)))
        return found

    async def open_alerts(self, machine_id: str, seconds: float) -> list[Json]:
        """Wait until a machine has an alert that is not resolved, up to some seconds, and return those."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while True:
            alerts = (await self.get("/alerts", machine_id=machine_id))["items"]
            found = [alert for alert in alerts if alert["status"] != "resolved"]
            if found or loop.time() >= deadline:
                return found
            await asyncio.sleep(self._poll)

    async def _request(self, method: str, path: str, **options: Any) -> Json:
        options.setdefault("timeout", aiohttp.ClientTimeout(total=ANSWER_SECONDS))
        address = f"{self._address}/api/v1{path}"
        try:
            async with self._session.request(method, address, **options) as response:
                content = await response.read()
                status = response.status
        except (aiohttp.ClientError, TimeoutError) as error:
            raise CommandError(
                f"The gateway does not answer at {self._address} ({type(error).__name__}). Check --gateway."
            ) from error
        try:
            body = json.loads(content) if content else {}
        except ValueError:
            body = {}
        if status >= 400:
            raise RequestRefused(method, path, status, _reason(body))
        return dict(body)


def _label_file(events: Sequence[KnownEvent]) -> bytes:
    rows = ["start,end,code"]
    for event in events:
        code = '"' + event.code.replace('"', '""') + '"'
        rows.append(f"{event.span.start.isoformat()},{event.span.end.isoformat()},{code}")
    return ("\n".join(rows) + "\n").encode()


def _reason(body: Any) -> str:
    if not isinstance(body, dict):
        return "no reason given"
    fields = "; ".join(f"{each.get('pointer')}: {each.get('detail')}" for each in body.get("errors") or ())
    return " ".join(filter(None, (str(body.get("detail") or ""), fields))) or "no reason given"
