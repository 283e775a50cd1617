"""What no generator of data sends: odd headers and bodies at every operation, and no fault of the server."""

from collections import defaultdict
from uuid import uuid4

import httpx2
import pytest

from tests.e2e.plant import Plant
from tests.isolation.bodies import payload
from tests.isolation.operations import Operation, operations
from tests.stack import Stack

Header = tuple[bytes, bytes]
HEADERS: dict[str, list[Header]] = {
    "empty key": [(b"Idempotency-Key", b"")],
    "long key": [(b"Idempotency-Key", b"x" * 256)],
    "bytes": [
        (b"Idempotency-Key", bytes(range(0x80, 0x100))),
        (b"User-Agent", bytes(range(0x80, 0x100)) * 20),
        (b"traceparent", b"00-" + b"z" * 60),
        (b"tracestate", b"\xff=\xff"),
        (b"X-Forwarded-For", b"\xff, ::1%eth0, x"),
        (b"Forwarded", b"for=_\xff"),
        (b"If-None-Match", b'"\xff'),
        (b"Range", b"bytes=9-1"),
        (b"Accept", b"\xff/\xff"),
    ],
    "two of each": [
        (b"Idempotency-Key", b"'; DROP TABLE idempotency_keys; --"),
        (b"Idempotency-Key", b"two"),
        (b"X-Organization-Id", b"\xff\xfe"),
        (b"X-Organization-Id", str(uuid4()).encode()),
    ],
}
BODIES: dict[str, bytes] = {
    "no JSON": b"{",
    "no UTF-8": b'{"name": "\xff\xfe"}',
    "U+0000": b'{"name": "\\u0000", "email": "\\u0000", "note": "\\u0000", "q": "\\u0000"}',
    "half a pair": b'{"name": "\\ud800", "email": "\\ud800@x.org", "note": "\\udfff", "token": "\\ud800"}',
    "a number of 10,000 digits": b'{"name": ' + b"9" * 10_000 + b"}",
    "infinity": b'{"alpha": 1e999, "gamma0": NaN, "sensitivity": -Infinity}',
    "depth": b"[" * 100_000,
    "depth in an object": b'{"metadata": ' + b'{"a": ' * 2_000 + b"1" + b"}" * 2_001,
    "a name twice": b'{"name": "a", "name": 7, "email": 7, "email": "x"}',
    "a list": b"[]",
    "a text": b'"x"',
    "nothing": b"",
}


@pytest.fixture
def client(stack: Stack) -> httpx2.Client:
    return httpx2.Client(base_url=stack.gateway_url, timeout=60)


def places(plant: Plant) -> list[tuple[Operation, str, bytes | None]]:
    """Every operation with an address where nothing is, and a body that would do."""
    document = plant.document()
    ids: dict[str, str] = defaultdict(lambda: str(uuid4()))
    found = []
    for operation in operations(document):
        if operation.streams or operation.media_type not in (None, "application/json"):
            continue
        body = payload(document, operation, ids).arguments().get("json")
        content = None if body is None else httpx2.Request("POST", "http://x", json=body).read()
        found.append((operation, operation.address(ids), content))
    return found


@pytest.mark.parametrize("kind", HEADERS)
def test_odd_headers_break_nothing(client: httpx2.Client, plant: Plant, kind: str) -> None:
    mine = [(name.encode(), value.encode()) for name, value in plant.headers.items()]
    wrong = {}
    with client:
        for operation, address, content in places(plant):
            headers = [*mine, *HEADERS[kind], (b"Content-Type", b"application/json")]
            answer = client.request(operation.method, address, content=content, headers=headers)
            if answer.status_code >= 500:
                wrong[operation.name] = answer.text
    assert wrong == {}


@pytest.mark.parametrize("kind", BODIES)
def test_odd_bodies_are_refused(client: httpx2.Client, plant: Plant, kind: str) -> None:
    wrong = {}
    headers = {**plant.headers, "Content-Type": "application/json"}
    with client:
        for operation, address, content in places(plant):
            if content is None:
                continue
            answer = client.request(operation.method, address, content=BODIES[kind], headers=headers)
            if not 400 <= answer.status_code < 500:
                wrong[operation.name] = (answer.status_code, answer.text)
    assert wrong == {}
