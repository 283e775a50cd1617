"""Passes an answer of the API on to the browser as it comes."""

from collections.abc import AsyncIterator, Mapping

import aiohttp
from starlette.responses import Response, StreamingResponse

from services.web.api.client import read_problem
from services.web.layout.pages import HEADERS
from services.web.sessions.visit import Visit

# What the browser gets to know of the API's answer.
RETURNED = ("Content-Type", "Location", "Retry-After", "Link", "Content-Disposition")


async def passed_on(
    visit: Visit,
    encoded: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: AsyncIterator[bytes] | None = None,
    filename: str | None = None,
) -> Response:
    """`encoded` is a path below /api/v1 with its query. With a `filename`, the browser saves the answer.

    Raises ApiError for a problem, which is then said in the visitor's language.
    """
    answer = await visit.open(method, encoded, headers=headers, body=body)
    if answer.status >= 400:
        async with answer:
            raise await read_problem(answer)
    returned = {name: value for name in RETURNED if (value := answer.headers.get(name)) is not None}
    if filename is not None and answer.status == 200:
        returned["Content-Disposition"] = f'attachment; filename="{filename}"'
    return StreamingResponse(_pieces(answer), answer.status, {**HEADERS, **returned})


async def _pieces(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    try:
        async for piece in answer.content.iter_any():
            yield piece
    except (aiohttp.ClientError, TimeoutError):
        # The stream of events ends when its token does, or with a restart; the browser opens it again.
        return
    finally:
        # Also when the visitor has left: then the API stops working for them.
        answer.close()
