"""What no generator of data sends, at every operation: odd headers, queries and bodies; nothing breaks."""

import base64
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


# The calendar's edges, which a time zone or a subtraction leaves, and the database's infinities.
TIMES = (
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "0001-01-01T00:00:00.000000+00:00",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-14:00",
    "9999-12-31T23:59:59.999999+00:00",
    "9999-12-31T23:59:59.999999-23:59",
)
NO_TIMES = (
    "infinity",
    "-infinity",
    "NaN",
    "1e400",
    "-1e18",
    "10000-01-01T00:00:00Z",
    "-0001-01-01T00:00:00Z",
)


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


def _cursor(time: str) -> str:
    return base64.urlsafe_b64encode(f"{time}|{uuid4()}".encode()).decode().rstrip("=")


def test_times_out_of_range_are_refused(client: httpx2.Client, plant: Plant) -> None:
    wrong, asked = {}, 0
    with client:
        for operation, address, _ in places(plant):
            for name, kind in operation.query_formats.items():
                if kind not in ("date-time", "cursor"):
                    continue
                asked += 1
                for time in (*TIMES, *NO_TIMES):
                    value = _cursor(time) if kind == "cursor" else time
                    answer = client.request(
                        operation.method, address, params={name: value}, headers=plant.headers
                    )
                    if answer.status_code not in (404, 422):
                        wrong[operation.name, name, time] = (answer.status_code, answer.text)
    assert wrong == {}
    # Else the document no longer says which parameters these are.
    assert asked > 10


def test_an_unknown_query_parameter_is_refused(client: httpx2.Client, plant: Plant) -> None:
    wrong = {}
    with client:
        for operation, address, content in places(plant):
            answer = client.request(
                operation.method,
                f"{address}?no_such_parameter=1",
                content=content,
                headers={**plant.headers, "Content-Type": "application/json"},
            )
            named = "/query/no_such_parameter" in answer.text
            if (answer.status_code, named) != (422, True) and operation.id != "finish_oidc":
                wrong[operation.name] = (answer.status_code, answer.text)
    assert wrong == {}
