"""A path that an id's path matches too has its own methods and no others."""

from collections.abc import AsyncIterator
from uuid import UUID

import httpx2
import pytest
from fastapi import APIRouter

from shared.http.document import Application
from shared.http.problems import MEDIA_TYPE, install


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    app = Application()
    install(app)
    reports, rules = APIRouter(prefix="/rules"), APIRouter(prefix="/rules")

    @reports.get("/performance")
    async def performance() -> str:
        return "performance"

    @rules.patch("/{rule_id}")
    @rules.get("/{rule_id}")
    async def rule(rule_id: UUID) -> UUID:
        return rule_id

    @rules.delete("/{rule_id}/steps/last")
    async def last(rule_id: UUID) -> str:
        return "last"

    @rules.get("/{other_id}/steps/{step_id}")
    async def step(other_id: UUID, step_id: str) -> str:
        return step_id

    app.include_router(reports)
    # As services do whose routes come from several rooms.
    outer = APIRouter()
    outer.include_router(rules)
    app.include_router(outer)
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://service") as opened:
        yield opened


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/rules/performance", 200, None),
        ("PATCH", "/rules/performance", 405, "GET"),
        ("OPTIONS", "/rules/performance", 405, "GET"),
        ("PATCH", f"/rules/{UUID(int=1)}", 200, None),
        ("PATCH", "/rules/other", 422, None),
        ("OPTIONS", "/rules/other", 405, "GET, PATCH"),
        ("GET", f"/rules/{UUID(int=1)}/steps/last", 405, "DELETE"),
        ("GET", f"/rules/{UUID(int=1)}/steps/first", 200, None),
    ],
)
async def test_each_path_has_its_own_methods(
    client: httpx2.AsyncClient, method: str, path: str, status: int, allow: str | None
) -> None:
    answer = await client.request(method, path)
    assert (answer.status_code, answer.headers.get("Allow")) == (status, allow)
    assert status < 400 or answer.headers["Content-Type"] == MEDIA_TYPE
