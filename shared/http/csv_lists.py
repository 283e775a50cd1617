"""Every list as CSV: `Accept: text/csv` on a route that lists gives a file of the whole filtered result.

`Application.include_router` offers it for every route whose model is a page (`Page[Item]`), another model
with `items`, or samples in columns (`Columns`). The route itself is called page by page, each with a
transaction of its own, and a page is sent before the next one is read: memory is bounded, and no transaction
waits for a slow client. The first page is read before the response begins, so that errors are problems as
usual. When a later one fails, or the caller has lost the access meanwhile, the connection is cut before the
end of the response, so no client takes the part for a complete file.
"""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import wraps
from typing import Any, get_args, get_origin

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel

from shared.http.cells import columns_of, rows_text
from shared.http.columns import Columns, pieces
from shared.http.negotiation import CSV, wants_csv
from shared.http.pages import MAX_LIMIT, PageRequest, bound
from shared.http.standing import Standing

MEDIA_TYPE = f"{CSV}; charset=utf-8; header=present"
VARY = {"Vary": "Accept"}
PAGED = (
    "All rows that match the filters, with a header. With `limit`, one page, and the address of the next one"
    " in `Link`; with `cursor`, what follows it"
)
WHOLE = "All rows, with a header"

# A file is one request, however many pages it has: this many are read at a time, so that most connections to
# the database are left for requests of a single page.
MAX_PAGES_AT_ONCE = 3

Endpoint = Callable[..., Awaitable[Any]]


def offer_csv(router: APIRouter, reading: asyncio.Semaphore) -> None:
    """Let the routes of the router that list something answer in CSV, too, `reading` a few at once."""
    for route in router.routes:
        if isinstance(route, APIRoute):
            _offer(route, reading)
        elif isinstance(inner := getattr(route, "original_router", None), APIRouter):
            offer_csv(inner, reading)


def item_of(model: Any) -> type[BaseModel] | None:
    """The model of the rows of a list; None if `model` is not a list."""
    if not (isinstance(model, type) and issubclass(model, BaseModel)) or "items" not in model.model_fields:
        return None
    items = model.model_fields["items"].annotation
    [item] = get_args(items) if get_origin(items) is list else [None]
    return item if isinstance(item, type) and issubclass(item, BaseModel) else None


def _offer(route: APIRoute, reading: asyncio.Semaphore) -> None:
    model, item = route.response_model, item_of(route.response_model)
    in_columns = isinstance(model, type) and issubclass(model, Columns)
    # A route may be included twice.
    if route.methods != {"GET"} or not (item or in_columns) or hasattr(route.endpoint, "answers_csv"):
        return
    filename = _filename(route.path)
    endpoint = (
        _samples(route.endpoint, filename) if item is None else _list(route.endpoint, item, filename, reading)
    )
    paged = item is not None and "next_cursor" in model.model_fields
    route.endpoint = endpoint
    route.responses = {200: _documented(PAGED if paged else WHOLE), **route.responses}


def _list(endpoint: Endpoint, item: type[BaseModel], filename: str, reading: asyncio.Semaphore) -> Endpoint:
    columns = columns_of(item)

    def lines(page: Any) -> bytes:
        rows = (one.model_dump(mode="json", by_alias=True) for one in page.items)
        return rows_text([column.of(row) for column in columns] for row in rows)

    async def answer(request: Request, arguments: dict[str, Any]) -> Response:
        everything = "limit" not in request.query_params
        if everything:
            _resize(arguments, MAX_LIMIT)
        first = await endpoint(**arguments)
        watch = _standing(request).of(arguments.values())

        async def body() -> AsyncIterator[bytes]:
            yield rows_text([[column.name for column in columns]])
            page = first
            yield lines(page)
            while everything and getattr(page, "next_cursor", None):
                await watch.check()
                _follow(arguments, page.next_cursor)
                async with reading:
                    page = await endpoint(**arguments)
                    text = await asyncio.to_thread(lines, page)
                yield text

        response = _file(filename, body())
        if not everything and getattr(first, "next_cursor", None):
            following = request.url.include_query_params(cursor=bound(request, first.next_cursor))
            response.headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
        return response

    return _either(endpoint, answer)


def _standing(request: Request) -> Standing:
    found: Standing = request.app.state.standing
    return found


def _resize(arguments: dict[str, Any], limit: int) -> None:
    """Ask for pages of this size. A list in an order of its own has `limit` and `position` as they are."""
    for name, value in arguments.items():
        if isinstance(value, PageRequest):
            arguments[name] = value.of_size(limit)
        elif name == "limit":
            arguments[name] = limit


def _follow(arguments: dict[str, Any], position: str) -> None:
    """Ask for the page that follows."""
    for name, value in arguments.items():
        if isinstance(value, PageRequest):
            arguments[name] = value.following(position)
        elif name == "position":
            arguments[name] = position


def _samples(endpoint: Endpoint, filename: str) -> Endpoint:
    async def answer(request: Request, arguments: dict[str, Any]) -> Response:
        watch = _standing(request).of(arguments.values())
        parts = pieces(endpoint, arguments)
        # The header and the first sample: what is wrong with the request turns out here.
        begin = await anext(parts)

        async def body() -> AsyncIterator[bytes]:
            yield await asyncio.to_thread(rows_text, begin)
            async for part in parts:
                await watch.check()
                yield await asyncio.to_thread(rows_text, part)

        return _file(filename, body())

    return _either(endpoint, answer)


def _either(endpoint: Endpoint, csv: Callable[[Request, dict[str, Any]], Awaitable[Response]]) -> Endpoint:
    """The endpoint as it is, or `csv` if the client prefers that. Both responses vary by `Accept`."""
    signature = inspect.signature(endpoint)
    added = {"accepting_request": Request, "accepted_response": Response}

    @wraps(endpoint)
    async def negotiated(**arguments: Any) -> Any:
        request, plain = (arguments.pop(name) for name in added)
        if wants_csv(request):
            return await csv(request, arguments)
        found = await endpoint(**arguments)
        if getattr(found, "next_cursor", None):
            found.next_cursor = bound(request, found.next_cursor)
        (found if isinstance(found, Response) else plain).headers.update(VARY)
        return found

    keywords = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=kind)
        for name, kind in added.items()
    ]
    declared: Any = negotiated
    declared.__signature__ = signature.replace(parameters=[*signature.parameters.values(), *keywords])
    declared.answers_csv = True
    return negotiated


def _file(filename: str, body: AsyncIterator[bytes]) -> StreamingResponse:
    headers = {**VARY, "Content-Disposition": f'attachment; filename="{filename}"'}
    return StreamingResponse(body, media_type=MEDIA_TYPE, headers=headers)


def _filename(path: str) -> str:
    """The words of the path: `organizations-members.csv`."""
    words = [word for word in path.removeprefix("/api/v1").split("/") if word and "{" not in word]
    return "-".join(words) + ".csv"


def _documented(description: str) -> dict[str, Any]:
    schema = {"type": "string", "description": description}
    return {"content": {CSV: {"schema": schema}}}
