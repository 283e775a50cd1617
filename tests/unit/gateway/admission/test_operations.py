"""Metrics and readiness, from inside and from outside."""

import json
from typing import Any

import pytest
from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Scope, Send

from services.gateway.admission.operations import Operations
from services.gateway.errors import UnknownPath
from services.gateway.settings import Settings

READY = {"status": "not ready", "broker": "unreachable", "machines": "ok"}


async def everything(scope: Scope, receive: Receive, send: Send) -> None:
    await JSONResponse(READY, 503 if scope["path"] == "/health/ready" else 200)(scope, receive, send)


async def ask(path: str, client: str | None, *headers: tuple[bytes, bytes]) -> tuple[int, Any]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope: Scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"dinsight.example"), *headers],
        "client": (client, 1) if client else None,
        "scheme": "http",
        "server": ("127.0.0.1", 80),
    }
    await Operations(everything, Settings().operations_networks)(scope, receive, send)
    return sent[0]["status"], json.loads(b"".join(m.get("body", b"") for m in sent[1:]))


@pytest.mark.parametrize("client", ["127.0.0.1", "::1", "10.1.2.3", "::ffff:172.18.0.5", "fd00::1"])
async def test_supervisors_see_all_details(client: str) -> None:
    assert await ask("/health/ready", client) == (503, READY)
    assert await ask("/metrics", client) == (200, READY)


OUTSIDE: list[tuple[str | None, tuple[tuple[bytes, bytes], ...]]] = [
    ("203.0.113.7", ()),
    ("2001:db8::1", ()),
    ("::ffff:203.0.113.7", ()),
    (None, ()),
    ("nonsense", ()),
    # Through a proxy, which may be listed or not.
    ("10.0.0.2", ((b"x-forwarded-for", b"203.0.113.7"),)),
    ("127.0.0.1", ((b"forwarded", b"for=203.0.113.7"),)),
    ("127.0.0.1", ((b"via", b"1.1 proxy"),)),
]


@pytest.mark.parametrize(("client", "headers"), OUTSIDE)
async def test_outsiders_see_one_word(client: str | None, headers: tuple[tuple[bytes, bytes], ...]) -> None:
    assert await ask("/health/ready", client, *headers) == (503, {"status": "not ready"})
    with pytest.raises(UnknownPath):
        await ask("/metrics", client, *headers)


async def test_other_paths_pass() -> None:
    assert await ask("/api/v1/machines", "203.0.113.7") == (200, READY)
