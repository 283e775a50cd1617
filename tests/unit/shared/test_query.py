"""Every operation of every service rejects unknown query parameters."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import httpx2
import pytest
from fastapi import Depends, FastAPI, Query
from pydantic import BaseModel

from shared.http.application import build_application
from shared.http.query import accept_any_query
from tests.isolation.operations import operations
from tests.unit.architecture import canvas
from tests.unit.architecture.source import SERVICES

NOBODY = "00000000-0000-4000-8000-000000000000"


class Words(BaseModel):
    first: str = ""
    second: str = ""


def _application() -> FastAPI:
    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        yield

    app = build_application(service="test", description="", lifespan=lifespan, checks={})

    def more(deep: int = 0) -> int:
        return deep

    @app.get("/things/{thing}")
    async def thing(
        thing: str, more: Annotated[int, Depends(more)], by: Annotated[str, Query(alias="sort-by")] = ""
    ) -> str:
        return "shown"

    @app.get("/words")
    async def words(words: Annotated[Words, Query()]) -> str:
        return "shown"

    @app.get("/anything", dependencies=[Depends(accept_any_query)])
    async def anything() -> str:
        return "shown"

    @app.post("/things")
    async def create(words: Words) -> str:
        return "made"

    return app


async def ask(app: FastAPI, method: str, path: str) -> httpx2.Response:
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://service") as client:
        return await client.request(method, path)


@pytest.mark.parametrize(
    ("path", "wrong", "known"),
    [
        ("/things/1?sort_by=a&deep=1", ["/query/sort_by"], "known parameters: sort-by, deep"),
        ("/things/1?sort-by=a&a/b=1&c", ["/query/a~1b", "/query/c"], "known parameters: sort-by, deep"),
        ("/things/1?thing=2", ["/query/thing"], "known parameters: sort-by, deep"),
        ("/words?third=c&first=a", ["/query/third"], "known parameters: first, second"),
        ("/health/live?x=1", [], ""),
    ],
)
async def test_an_unknown_parameter_is_reported_with_the_known_ones(
    path: str, wrong: list[str], known: str
) -> None:
    answer = await ask(_application(), "GET", path)
    assert answer.status_code == (422 if wrong else 200)
    errors = answer.json().get("errors", [])
    assert sorted(error["pointer"] for error in errors) == wrong
    assert all(error["detail"].endswith(known) for error in errors)


async def test_an_operation_without_parameters_says_so() -> None:
    answer = await ask(_application(), "POST", "/things?first=a")
    assert answer.json()["errors"][0]["detail"].endswith("known parameters: none")


@pytest.mark.parametrize("path", ["/things/1?sort-by=a&deep=1", "/words?first=a", "/anything?x=1", "/words"])
async def test_known_parameters_pass(path: str) -> None:
    assert (await ask(_application(), "GET", path)).status_code == 200


@pytest.mark.parametrize("service", SERVICES)
async def test_every_operation_refuses_them(service: str) -> None:
    app = canvas.application(service)
    accepting = []
    found = operations(app.openapi())
    for operation in found:
        address = operation.address(dict.fromkeys(map(operation.key, operation.path_names), NOBODY))
        try:
            answer = await ask(app, operation.method, f"{address}?no_such_parameter=1")
        except Exception as error:  # nothing is connected: what goes on fails
            accepting.append((operation.id, repr(error)))
            continue
        pointers = [error["pointer"] for error in answer.json()["errors"]]
        if "/query/no_such_parameter" not in pointers:
            accepting.append((operation.id, answer.text))
    assert found
    assert {name for name, _ in accepting} <= {"finish_oidc"}, accepting
