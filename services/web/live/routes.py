"""HTTP of the event stream, and of what scripts read and send: the API's answers, on the visitor's behalf."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from services.web.layout.pages import HEADERS
from services.web.live.passing import passed_on
from services.web.sessions.visit import FORM_TOKEN_HEADER, Visit, Visitors

# What a script may set.
SENT = ("Content-Type", "Accept", "Idempotency-Key", "Last-Event-ID")
WRITES = ["POST", "PATCH", "DELETE"]


def build_router(visitors: Visitors) -> APIRouter:
    router = APIRouter(prefix="/o/{organization_id}", include_in_schema=False)
    member = Annotated[Visit, Depends(visitors.member)]

    @router.get("/live")
    async def live(visit: member, request: Request) -> Response:
        """The organization's events. The stream ends with the access token; the browser opens it again."""
        return await passed_on(visit, _target("/stream", request), headers=_sent(request))

    @router.get("/live/check")
    async def check(visit: member) -> Response:
        """Whether the session still stands: a browser's event source does not tell why it was refused."""
        await visit.get("/users/me")
        return Response(status_code=204, headers=HEADERS)

    @router.get("/data/{path:path}")
    async def read_data(visit: member, request: Request, path: str) -> Response:
        """GET of the API."""
        return await passed_on(visit, _target("/" + path, request), headers=_sent(request))

    @router.api_route("/data/{path:path}", methods=WRITES)
    async def write_data(visit: member, request: Request, path: str) -> Response:
        """A write of the API, whose body is passed on as it arrives. The form's token comes as a header."""
        visit.check_origin()
        visit.check_form_token(request.headers.get(FORM_TOKEN_HEADER, ""))
        return await passed_on(
            visit,
            _target("/" + path, request),
            method=request.method,
            headers=_sent(request),
            body=request.stream(),
        )

    return router


def _target(path: str, request: Request) -> str:
    return quote(path, safe="/") + (f"?{request.url.query}" if request.url.query else "")


def _sent(request: Request) -> dict[str, str]:
    return {name: value for name in SENT if (value := request.headers.get(name)) is not None}
