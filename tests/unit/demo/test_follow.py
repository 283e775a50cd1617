"""Following an analysis over HTTP, against a small stand-in for the gateway."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tools.demo.api import Api, Json
from tools.demo.errors import AnalysisFailed, DemoError, RequestRefused
from tools.demo.follow import EventLog, Pace, follow_analysis

RUNNING = {"status": "processing", "progress": 0.25, "stage": "fitting", "analysis_type": "baseline"}
COMPLETED = {"status": "completed", "progress": 1.0, "stage": None, "results": {}}
FAILED = {
    "status": "failed",
    "analysis_type": "baseline",
    "error": {
        "message": "no such column",
        "file": "a.csv",
        "row": 1,
        "column": None,
        "suggestion": {"start_dim": "p1"},
    },
}


@dataclass
class StandIn:
    """Answers `states` one after another, the last for ever; streams `events` unless it has none."""

    states: Sequence[Json]
    events: Sequence[Json] = ()
    last_ids: list[str | None] = field(default_factory=list)
    asked: int = 0
    uploaded: bytes = b""

    async def analysis(self, _request: web.Request) -> web.Response:
        state = self.states[min(self.asked, len(self.states) - 1)]
        self.asked += 1
        return web.json_response(state)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        self.last_ids.append(request.headers.get("Last-Event-ID"))
        if not self.events:
            return web.Response(status=503)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b": connected\nretry: 2000\n\n")
        for number, event in enumerate(self.events):
            text = json.dumps({"id": str(number), "data": event["data"]})
            await response.write(f"event: {event['type']}\ndata: {text}\nid: {number}\n\n".encode())
        return response

    async def upload(self, request: web.Request) -> web.Response:
        self.uploaded = await request.read()
        return web.json_response({"id": "a"}, status=202)

    async def refuse(self, _request: web.Request) -> web.Response:
        problem = {"detail": "Not like this.", "errors": [{"pointer": "/body/name", "detail": "is missing"}]}
        return web.json_response(problem, status=422)


@asynccontextmanager
async def serving(stand_in: StandIn) -> AsyncIterator[Api]:
    app = web.Application()
    app.router.add_get("/api/v1/analyses/a", stand_in.analysis)
    app.router.add_get("/api/v1/stream", stand_in.stream)
    app.router.add_post("/api/v1/analyses", stand_in.upload)
    app.router.add_post("/api/v1/machines", stand_in.refuse)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    try:
        async with aiohttp.ClientSession() as session:
            yield Api(session, f"http://{host}:{port}")
    finally:
        await runner.cleanup()


def progressed(share: float) -> Json:
    return {
        "type": "analysis.progressed",
        "data": {"analysis_id": "a", "progress": share, "stage": "fitting"},
    }


async def followed(stand_in: StandIn) -> tuple[Json, list[float], EventLog]:
    shares: list[float] = []
    async with serving(stand_in) as api:
        log = EventLog(api, Pace(ask_after=0.1, reconnect=0.05))
        async with log.reading(), asyncio.timeout(30):
            found = await follow_analysis(api, log, "a", lambda share, _stage: shares.append(share))
        return found, shares, log


async def test_progress_comes_from_the_stream_and_the_result_from_the_analysis() -> None:
    completed = {"type": "analysis.completed", "data": {"analysis_id": "a"}}
    stand_in = StandIn([COMPLETED], [progressed(0.5), progressed(0.75), completed])
    found, shares, log = await followed(stand_in)
    assert found == COMPLETED
    assert shares == [0.5, 0.75]
    assert stand_in.asked == 1
    assert log.first("analysis.completed", analysis_id="a") is not None
    assert log.first("analysis.completed", analysis_id="b") is None


async def test_without_a_stream_the_analysis_is_polled() -> None:
    found, shares, log = await followed(StandIn([RUNNING, COMPLETED]))
    assert found == COMPLETED
    assert shares == [0.25]
    assert log.breaks > 0


async def test_a_broken_stream_is_resumed_after_the_last_event() -> None:
    stand_in = StandIn([RUNNING, RUNNING, COMPLETED], [progressed(0.5)])
    _, shares, log = await followed(stand_in)
    assert stand_in.last_ids[:2] == [None, "0"]
    assert len(log.events) == 1
    assert shares.count(0.5) == 1


async def test_a_failure_has_its_reason_and_a_suggestion() -> None:
    with pytest.raises(AnalysisFailed, match=r"file a\.csv, row 1\): no such column") as caught:
        await followed(StandIn([FAILED]))
    assert caught.value.suggestion == {"start_dim": "p1"}


async def test_a_file_is_sent_with_its_progress(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"f_0\n" + b"1\n" * 400_000)
    stand_in = StandIn([COMPLETED])
    sent: list[int] = []
    async with serving(stand_in) as api:
        assert await api.upload({"machine_id": "m"}, file, sent.append) == {"id": "a"}
    assert sum(sent) == file.stat().st_size
    assert len(sent) > 1
    assert b'filename="a.csv"' in stand_in.uploaded
    assert file.read_bytes() in stand_in.uploaded


async def test_a_refusal_is_reported_with_its_fields() -> None:
    async with serving(StandIn([COMPLETED])) as api:
        with pytest.raises(RequestRefused, match=r"422: Not like this\. /body/name: is missing"):
            await api.post("/api/v1/machines", {})


async def test_a_missing_platform_is_reported_with_the_command_that_starts_it() -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(DemoError, match="make up"):
            await Api(session, "http://127.0.0.1:1").get("/api/v1/machines")
