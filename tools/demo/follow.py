"""Follows an analysis through the event stream, and by polling when the stream is broken or silent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from tools.demo.api import Api, Json, ServerEvent
from tools.demo.errors import AnalysisFailed, DemoError

# Two thousand samples take a minute or two; a shared machine may need several times as long.
MAX_ANALYSIS_SECONDS = 1800.0
ENDED = ("completed", "failed")

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Pace:
    """If the stream is silent for `ask_after` seconds, the analysis is polled."""

    ask_after: float = 3.0
    reconnect: float = 1.0
    connect: float = 10.0


class EventLog:
    """Reads the event stream in the background, resumes it when it breaks, and keeps every event."""

    def __init__(self, api: Api, pace: Pace | None = None) -> None:
        self._api = api
        self.pace = pace or Pace()
        self._changed = asyncio.Event()
        # Set when the stream is open, and when it has broken: then there is nothing to wait for.
        self._tried = asyncio.Event()
        self._seen: set[str] = set()
        self.events: list[tuple[float, ServerEvent]] = []
        self.breaks = 0

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """Read while the block runs. Entered once the stream is open or has failed to open."""
        task = asyncio.create_task(self._read())
        try:
            try:
                await asyncio.wait_for(self._tried.wait(), self.pace.connect)
            except TimeoutError:
                self.breaks += 1
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def change(self, seconds: float) -> None:
        """Return when an event has arrived or the time is over."""
        self._changed.clear()
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            return

    def first(self, type_: str, **having: Any) -> tuple[float, ServerEvent] | None:
        """Return the first such event and its time of arrival (monotonic seconds)."""
        for at, event in self.events:
            if event.type == type_ and all(event.data.get(name) == value for name, value in having.items()):
                return at, event
        return None

    async def _read(self) -> None:
        last_id: str | None = None
        while True:
            try:
                async with self._api.events(last_id) as events:
                    self._tried.set()
                    async for event in events:
                        last_id = event.id or None
                        self._keep(event)
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
                self.breaks += 1
                self._tried.set()
            await asyncio.sleep(self.pace.reconnect)

    def _keep(self, event: ServerEvent) -> None:
        if event.id not in self._seen:
            self._seen.add(event.id)
            self.events.append((time.monotonic(), event))
            self._changed.set()


async def follow_analysis(api: Api, log: EventLog, analysis_id: str, progress: Progress) -> Json:
    """Wait until the analysis has ended and return it. Raises AnalysisFailed with the platform's reason."""
    deadline = time.monotonic() + MAX_ANALYSIS_SECONDS
    asked_at = time.monotonic()
    read = 0
    while time.monotonic() < deadline:
        ended = False
        for _, event in log.events[read:]:
            if event.data.get("analysis_id") == analysis_id:
                ended |= event.type in ("analysis.completed", "analysis.failed")
                if event.type == "analysis.progressed":
                    progress(float(event.data["progress"]), str(event.data["stage"]))
        read = len(log.events)
        if ended or time.monotonic() - asked_at > log.pace.ask_after:
            analysis = await api.get(f"/api/v1/analyses/{analysis_id}")
            asked_at = time.monotonic()
            if analysis["status"] in ENDED:
                return _ended_well(analysis)
            progress(float(analysis["progress"]), str(analysis["stage"] or analysis["status"]))
        await log.change(log.pace.ask_after)
    raise DemoError(
        f"The analysis {analysis_id} has not ended within {MAX_ANALYSIS_SECONDS / 60:.0f} minutes."
        " `make status` shows whether a worker runs, and `make logs SERVICE=worker-1` what it does."
    )


def _ended_well(analysis: Json) -> Json:
    if analysis["status"] == "completed":
        return analysis
    error = analysis.get("error") or {}
    where = ", ".join(f"{name} {error[name]}" for name in ("file", "row", "column") if error.get(name))
    message = str(error.get("message") or "no reason given")
    raise AnalysisFailed(
        f"The {analysis['analysis_type']} analysis failed{f' ({where})' if where else ''}: {message}",
        error.get("suggestion"),
    )
