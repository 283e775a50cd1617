"""The receivers in docs/receivers verify what the service signs, as Standard Webhooks specifies."""

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import orjson
import pytest
from standardwebhooks import Webhook as Signer

from services.alerting.deliveries.domain import DeliveryStatus
from services.alerting.deliveries.webhooks import WebhookSender
from shared.clock import SystemClock
from tests.support.ports import reserve_port
from tests.support.waiting import eventually

FOLDER = Path(__file__).parents[4] / "docs" / "receivers"
SECRET = "whsec_" + "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"
OTHER = "whsec_" + "b3RoZXJzb3RoZXJzb3RoZXJzb3RoZXJzb3RoZXJz"
KNOWN_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KNOWN_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
PROGRAMS = {
    "Python": (sys.executable, "receiver.py"),
    "JavaScript": ("node", "receiver.mjs"),
    "Go": ("go", "receiver.go"),
}


@dataclass
class Running:
    url: str
    lines: list[str]


@asynccontextmanager
async def receiver(language: str, folder: Path) -> AsyncIterator[Running]:
    program, file = PROGRAMS[language]
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    command: Sequence[str] = (program, str(FOLDER / file))
    if language == "Go":
        # Built first: `go run` would leave its program running.
        command = (str(folder / "receiver"),)
        # One cache for all runs: the first one compiles the standard library.
        cache = {"GOCACHE": str(Path(tempfile.gettempdir()) / "dinsight-go-cache"), "HOME": str(folder)}
        build = await asyncio.create_subprocess_exec(
            program, "build", "-o", command[0], str(FOLDER / file), env=os.environ | cache
        )
        assert await build.wait() == 0
    port = reserve_port()
    process = await asyncio.create_subprocess_exec(
        *command,
        str(port),
        env=os.environ | {"WEBHOOK_SECRET": SECRET},
        stdout=asyncio.subprocess.PIPE,
    )
    running = Running(f"http://127.0.0.1:{port}/hook", [])
    reading = asyncio.create_task(_read(process, running.lines))
    try:
        await eventually(lambda: _answers(running.url), seconds=120, what=f"the receiver in {language}")
        yield running
    finally:
        process.kill()
        await process.wait()
        await reading


async def _read(process: asyncio.subprocess.Process, lines: list[str]) -> None:
    assert process.stdout is not None
    async for line in process.stdout:
        lines.append(line.decode().strip())


async def _answers(url: str) -> bool:
    try:
        async with aiohttp.ClientSession() as session, session.post(url, data=b"{}") as response:
            return response.status == 401
    except aiohttp.ClientError:
        return False


def message(alert_id: str, version: int, status: str = "active") -> dict[str, Any]:
    data = {
        "alert_id": alert_id,
        "version": version,
        "status": status,
        "severity": "high",
        "summary": "Grüße",
    }
    return {"type": "alert.raised", "timestamp": "2026-01-01T00:00:00+00:00", "data": data}


@pytest.mark.parametrize("language", PROGRAMS)
async def test_a_receiver_verifies_deduplicates_and_keeps_the_newest_state(
    language: str, tmp_path: Path
) -> None:
    sender = WebhookSender(SystemClock(), allow_private=True, timeout_seconds=30)
    async with receiver(language, tmp_path) as running, sender.open():
        alert, first = str(uuid4()), uuid4()

        async def send(secrets: Sequence[str], body: dict[str, Any], identifier: Any = None) -> int | None:
            outcome = await sender.send(running.url, secrets, identifier or uuid4(), body)
            assert (outcome.status is DeliveryStatus.DELIVERED) == (outcome.response_status == 204)
            return outcome.response_status

        assert await send([SECRET], message(alert, 1), first) == 204
        assert await send([SECRET], message(alert, 1), first) == 204, "a repeated attempt"
        assert await send([OTHER], message(alert, 2)) == 401
        assert await send([OTHER, SECRET], message(alert, 3, "resolved")) == 204, "a change of the secret"
        assert await send([SECRET], message(alert, 2)) == 204, "what was overtaken says nothing new"
        test = {"type": "test", "timestamp": "2026-01-01T00:00:00+00:00", "data": {"summary": "hello"}}
        assert await send([SECRET], test) == 204, "a test of the contact point"
        expected = [
            "high alert active: Grüße",
            "seen",
            "high alert resolved: Grüße",
            "nothing new",
            "test: hello",
        ]
        await eventually(
            lambda: _equal(running.lines, expected), seconds=30, what="the lines of the receiver"
        )
        assert await _signed_at(running.url, datetime.now(UTC)) == 204
        assert await _signed_at(running.url, datetime.now(UTC) - timedelta(minutes=6)) == 401


async def _signed_at(url: str, moment: datetime) -> int:
    body = orjson.dumps(message(str(uuid4()), 1))
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Signer(SECRET).sign("msg_1", moment, body.decode()),
    }
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as response:
        return response.status


def test_signatures_are_those_of_the_specification() -> None:
    """The example of the libraries of Standard Webhooks."""
    moment = datetime.fromtimestamp(1614265330, UTC)
    signed = Signer(KNOWN_SECRET).sign("msg_p5jXN8AQM9LWM0D4loKWxJek", moment, '{"test": 2432232314}')
    assert signed == KNOWN_SIGNATURE


async def _equal(lines: list[str], expected: list[str]) -> bool:
    return lines == expected
