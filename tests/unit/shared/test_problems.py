"""Every error response is problem+json, and discloses no internals."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated, Literal
from uuid import UUID

import httpx2
import pytest
from fastapi import FastAPI, Query
from pydantic import BaseModel, Discriminator

from shared import errors
from shared.errors import Conflict, DInsightError, FieldError, TooManyRequests
from shared.http.problems import MEDIA_TYPE, install


class Circle(BaseModel):
    shape: Literal["circle"]
    radius: int


class Square(BaseModel):
    shape: Literal["square"]
    side: int
    inner: list["Shape"] = []


Shape = Annotated[Circle | Square, Discriminator("shape")]


class Body(BaseModel):
    name: str
    sizes: dict[str, int] = {}
    shapes: list[Shape] = []


def _application() -> FastAPI:
    app = FastAPI()
    install(app)

    @app.get("/known")
    async def known() -> None:
        field = FieldError("/body/name", "is too long")
        raise TooManyRequests("Wait.", errors=[field], extra={"left": 3}, headers={"Retry-After": "7"})

    @app.get("/unknown")
    async def unknown() -> None:
        raise RuntimeError("the password is sesame")

    @app.post("/body")
    async def body(body: Body, size: Annotated[int, Query(le=5)] = 1) -> None: ...

    return app


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=_application(), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://service") as opened:
        yield opened


async def test_a_known_error_is_reported_in_full(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/known")
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.headers["retry-after"] == "7"
    assert answer.status_code == 429
    assert answer.json() == {
        "type": "urn:dinsight:problem:too-many-requests",
        "title": "Too many requests",
        "status": 429,
        "detail": "Wait.",
        "code": "too-many-requests",
        "params": {},
        "instance": "/known",
        "errors": [{"pointer": "/body/name", "detail": "is too long", "code": "invalid", "params": {}}],
        "left": 3,
    }


class PumpTooLoud(Conflict):
    def __init__(self, pump_id: UUID, decibels: int, *, since: timedelta, log: bytes) -> None:
        super().__init__(f"Pump {pump_id} has had {decibels} dB for {since}.", extra={"log": len(log)})


class OnFire(PumpTooLoud):
    code = "fire"


def test_an_error_names_what_went_wrong_and_the_values_in_its_sentence() -> None:
    pump = UUID(int=7)
    error = PumpTooLoud(pump, decibels=120, since=timedelta(minutes=1), log=b"not a value in a sentence")
    assert (error.reason_code, error.code) == ("pump-too-loud", "conflict")
    assert error.params == {"pump_id": str(pump), "decibels": 120, "since": 60.0}
    assert OnFire(pump, 1, since=timedelta(), log=b"").reason_code == "fire"


async def test_an_unknown_error_is_not_revealed(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/unknown")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.json()["type"] == "urn:dinsight:problem:internal"
    assert "sesame" not in answer.text


@pytest.mark.parametrize(
    ("path", "body", "pointers"),
    [
        ("/body", b"{}", ["/body/name"]),
        ("/body?size=9", b'{"name": 1}', ["/query/size", "/body/name"]),
        ("/body", b'{"name": "x", "sizes": {"a/b~c": "x"}}', ["/body/sizes/a~1b~0c"]),
        # The pointer omits the names of union members, which pydantic includes in locations.
        (
            "/body",
            b'{"name": "x", "shapes": [{"shape": "square", "side": 1, "inner": [{"shape": "circle"}, 7]}]}',
            ["/body/shapes/0/inner/0/radius", "/body/shapes/0/inner/1"],
        ),
        ("/body", b'{"name": "x", "shapes": [{"shape": "square", "side": "x"}]}', ["/body/shapes/0/side"]),
    ],
)
async def test_bad_fields_are_pointed_at(
    client: httpx2.AsyncClient, path: str, body: bytes, pointers: list[str]
) -> None:
    answer = await client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert [field["pointer"] for field in answer.json()["errors"]] == pointers


async def test_broken_json_is_a_bad_request(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/body", content=b'{"name": ', headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["detail"] == "The body is not valid JSON."


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [("GET", "/nowhere", 404, "not-found"), ("DELETE", "/known", 405, "method-not-allowed")],
)
async def test_the_frameworks_errors_are_problems_too(
    client: httpx2.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    answer = await client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.json()["type"] == f"urn:dinsight:problem:{code}"


def test_each_error_has_its_own_status_and_code() -> None:
    kinds = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, DInsightError)
    ]
    assert len(kinds) > 10
    assert len({kind.code for kind in kinds}) == len(kinds)
    assert len({kind.status for kind in kinds}) == len(kinds)


@pytest.mark.parametrize(
    "content",
    [
        b'{"\\ud800": 1}',
        b'{"name": "a", "sizes": {"\\udfff": "x"}}',
        b'{"name": "a", "shapes": [{"shape": "\\ud800"}]}',
        b'{"name": "a", "sizes": {"\\u0000": "x", "a/~": "x"}}',
        b'{"name": 1' + b"0" * 10_000 + b"}",
        b'{"name": ' + b"[" * 100_000,
        b'{"name": ' + b"[" * 900 + b"]" * 900 + b"}",
    ],
)
async def test_whatever_a_body_says_is_answered_with_a_problem(
    client: httpx2.AsyncClient, content: bytes
) -> None:
    answer = await client.post("/body", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.headers["Content-Type"] == MEDIA_TYPE
    assert answer.json()["errors"] is not None
