"""HTTP of the event stream, and of what islands read and send: the API's answers, on the visitor's behalf."""

from collections.abc import AsyncIterator
from typing import Annotated
from urllib.parse import quote

import aiohttp
from fastapi import APIRouter, Depends, Request
from starlette.background import BackgroundTask
from starlette.responses import Response, StreamingResponse

from services.web.layout.pages import HEADERS
from services.web.sessions.visit import FORM_TOKEN_HEADER, Visit, Visitors

# What a script may set, and what it gets to know.
SENT = ("Content-Type", "Accept", "Idempotency-Key", "Last-Event-ID")
RETURNED = ("Content-Type", "Location", "Retry-After", "Link", "Content-Disposition")
WRITES = ["POST", "PATCH", "DELETE"]


def build_router(visitors: Visitors) -> APIRouter:
    router = APIRouter(prefix="/o/{organization_id}", include_in_schema=False)
    member = Annotated[Visit, Depends(visitors.member)]

    @router.get("/live")
    async def live(visit: member) -> Response:
        """The organization's events. The stream ends with the access token; the browser opens it again."""
        return await _passed_on(visit, "/stream")

    @router.get("/live/check")
    async def check(visit: member) -> Response:
        """Whether the session still stands: a browser's event source does not tell why it was refused."""
        await visit.get("/users/me")
        return Response(status_code=204, headers=HEADERS)

    @router.get("/data/{path:path}")
    async def read_data(visit: member, path: str) -> Response:
        """GET of the API."""
        return await _passed_on(visit, "/" + path)

    @router.api_route("/data/{path:path}", methods=WRITES)
    async def write_data(visit: member, request: Request, path: str) -> Response:
        """A write of the API, whose body is passed on as it arrives. The form's token comes as a header."""
        visit.check_origin()
        visit.check_form_token(request.headers.get(FORM_TOKEN_HEADER, ""))
        return await _passed_on(visit, "/" + path, request.stream())

    return router


async def _passed_on(visit: Visit, path: str, body: AsyncIterator[bytes] | None = None) -> Response:
    request = visit.request
    target = quote(path, safe="/") + (f"?{request.url.query}" if request.url.query else "")
    sent = {name: value for name in SENT if (value := request.headers.get(name)) is not None}
    answer = await visit.open(request.method, target, headers=sent, body=body)
    returned = {name: value for name in RETURNED if (value := answer.headers.get(name)) is not None}
    return StreamingResponse(
        _pieces(answer), answer.status, {**HEADERS, **returned}, background=BackgroundTask(answer.release)
    )


async def _pieces(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    try:
        async for piece in answer.content.iter_any():
            yield piece
    finally:
        # Also when the visitor has left: then the API stops working for them.
        answer.close()
