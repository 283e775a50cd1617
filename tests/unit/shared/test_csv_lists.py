"""Lists as CSV, on a small service with the application class of all services."""

import csv
import io
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import httpx2
import orjson
import pytest
from fastapi import APIRouter, Depends, FastAPI, Query, Response
from pydantic import BaseModel

from shared.errors import NotFound
from shared.http import problems
from shared.http.columns import MAX_CELLS, Columns
from shared.http.document import Application
from shared.http.pages import Cursor, Page, PageParameters, PageRequest, Slice
from shared.http.query import refuse_unknown_query

ROWS = 1203
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
CSV = {"Accept": "text/csv"}


class Gauge(BaseModel):
    name: str
    value: float


class Counts(BaseModel):
    items: list[Gauge]


class Samples(Columns):
    features: list[str]
    values: list[list[float]]
    metadata: list[dict[str, Any]]


class Shelf:
    """Gauges that are listed newest first. `asked` are the requests for pages and ranges."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.gauges = [
            (Cursor(NOON - timedelta(seconds=number // 7), UUID(int=ROWS - number)), number)
            for number in range(ROWS)
        ]

    def page(self, request: PageRequest) -> Page[Gauge]:
        self.asked.append(request.limit)
        after = request.after
        rows = [row for row in self.gauges if after is None or (row[0].at, row[0].id) < (after.at, after.id)][
            : request.limit + 1
        ]
        part = Slice.cut(rows, request.limit, lambda row: row[0])
        return Page[Gauge].of(part, lambda row: Gauge(name=f"=gauge {row[1]}", value=-row[1]))

    def samples(self, start: int, stop: int | None, width: int) -> bytes:
        self.asked.append((start, stop))
        end = ROWS if stop is None else min(stop, ROWS)
        index = list(range(start, end))
        body = {
            "index": index,
            "features": [f"f_{number}" for number in range(width)],
            "values": [[float(sample)] * width for sample in index],
            "metadata": [{"sample": sample} for sample in index],
        }
        return orjson.dumps(body)


def application(shelf: Shelf) -> FastAPI:
    router = APIRouter(prefix="/api/v1/halls")

    @router.get("/{hall}/gauges", responses=problems.problem_responses(404))
    async def list_gauges(hall: int, page: PageParameters, q: str | None = None) -> Page[Gauge]:
        """Newest first."""
        if hall != 1:
            raise NotFound(f"There is no hall {hall}.")
        return shelf.page(page)

    @router.get("/counts")
    async def count_gauges() -> Counts:
        return Counts(items=[Gauge(name="all", value=ROWS)])

    @router.get("/samples", response_model=Samples)
    async def get_samples(
        start: int = 0, stop: int | None = None, width: Annotated[int, Query()] = 2
    ) -> Response:
        return Response(shelf.samples(start, stop, width), media_type="application/json")

    @router.post("/counts")
    async def recount() -> Counts:
        return Counts(items=[])

    app = Application(dependencies=[Depends(refuse_unknown_query)])
    problems.install(app)
    outer = APIRouter()
    outer.include_router(router)
    app.include_router(outer)
    return app


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
async def client(shelf: Shelf) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=application(shelf))
    async with httpx2.AsyncClient(transport=transport, base_url="http://service") as client:
        yield client


def rows(response: httpx2.Response) -> list[dict[str, str]]:
    assert response.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    return list(csv.DictReader(io.StringIO(response.text, newline="")))


async def test_a_page_as_json_stays_the_default(client: httpx2.AsyncClient) -> None:
    for headers in ({}, {"Accept": "*/*"}, {"Accept": "text/html"}):
        response = await client.get("/api/v1/halls/1/gauges", headers=headers)
        assert len(response.json()["items"]) == 50
        assert response.headers["Vary"] == "Accept"


async def test_the_file_has_every_row_once(client: httpx2.AsyncClient, shelf: Shelf) -> None:
    response = await client.get("/api/v1/halls/1/gauges", headers=CSV)
    assert [row["name"] for row in rows(response)] == [f"'=gauge {number}" for number in range(ROWS)]
    assert rows(response)[7]["value"] == "-7.0"
    assert response.headers["Content-Disposition"] == 'attachment; filename="halls-gauges.csv"'
    assert response.headers["Vary"] == "Accept"
    assert "Link" not in response.headers
    assert shelf.asked == [500, 500, 500]


async def test_a_limit_gives_one_page_and_the_address_of_the_next(client: httpx2.AsyncClient) -> None:
    seen, address = [], "/api/v1/halls/1/gauges?limit=400&q=a%26b"
    while True:
        response = await client.get(address, headers=CSV)
        seen += [row["name"] for row in rows(response)]
        if "next" not in response.links:
            break
        address = response.links["next"]["url"]
        assert "q=a%26b" in address
    assert seen == [f"'=gauge {number}" for number in range(ROWS)]


async def test_a_cursor_is_where_the_file_begins(client: httpx2.AsyncClient) -> None:
    page = (await client.get("/api/v1/halls/1/gauges?limit=3")).json()
    response = await client.get(f"/api/v1/halls/1/gauges?cursor={page['next_cursor']}", headers=CSV)
    assert rows(response)[0]["name"] == "'=gauge 3"
    assert len(rows(response)) == ROWS - 3


async def test_a_cursor_of_another_list_or_of_other_filters_is_refused(client: httpx2.AsyncClient) -> None:
    page = (await client.get("/api/v1/halls/1/gauges?limit=3&q=a")).json()
    for accept in (CSV, {}):
        for address in (
            "/api/v1/halls/1/gauges?",
            "/api/v1/halls/1/gauges?q=b&",
            "/api/v1/halls/3/gauges?q=a&",
        ):
            response = await client.get(f"{address}cursor={page['next_cursor']}", headers=accept)
            assert response.status_code == 422
            [error] = response.json()["errors"]
            assert error["pointer"] == "/query/cursor"
            assert "belongs to another list or to other filters" in error["detail"]
        elsewhere = {**accept, "X-Organization-Id": str(UUID(int=1))}
        address = f"/api/v1/halls/1/gauges?q=a&cursor={page['next_cursor']}"
        assert (await client.get(address, headers=elsewhere)).status_code == 422
        assert (await client.get(address, headers=accept)).status_code == 200


async def test_an_empty_list_has_a_header(client: httpx2.AsyncClient, shelf: Shelf) -> None:
    shelf.gauges = []
    assert (await client.get("/api/v1/halls/1/gauges", headers=CSV)).text == "name,value\r\n"


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/api/v1/halls/2/gauges", 404),
        ("/api/v1/halls/1/gauges?colour=red", 422),
        ("/api/v1/halls/1/gauges?cursor=nonsense", 422),
        ("/api/v1/halls/1/gauges?limit=501", 422),
        ("/api/v1/halls/samples?accepting_request=1", 422),
    ],
)
async def test_errors_are_problems(client: httpx2.AsyncClient, address: str, status: int) -> None:
    response = await client.get(address, headers=CSV)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"


async def test_a_list_without_pages_is_a_file(client: httpx2.AsyncClient) -> None:
    response = await client.get("/api/v1/halls/counts", headers=CSV)
    assert rows(response) == [{"name": "all", "value": f"{ROWS}.0"}]
    written = await client.post("/api/v1/halls/counts", headers=CSV)
    assert written.json() == {"items": []}


@pytest.mark.parametrize("width", [2, MAX_CELLS // 100])
async def test_samples_in_columns_are_rows(client: httpx2.AsyncClient, shelf: Shelf, width: int) -> None:
    address = f"/api/v1/halls/samples?start=3&width={width}"
    response = await client.get(address, headers=CSV)
    found = rows(response)
    assert [row["index"] for row in found] == [str(sample) for sample in range(3, ROWS)]
    assert list(found[0])[:3] == ["index", "metadata", "f_0"]
    assert found[4]["metadata"] == '{"sample":7}'
    assert found[4][f"f_{width - 1}"] == "7.0"
    assert max(stop - start for start, stop in shelf.asked) * width <= MAX_CELLS
    plain = await client.get(address)
    assert plain.headers["Vary"] == "Accept"
    assert plain.json()["index"][0] == 3


@pytest.mark.parametrize(("start", "stop", "count"), [(0, 1, 1), (5, 9, 4), (ROWS, None, 0), (4, 4, 0)])
async def test_a_range_of_samples_ends_where_it_should(
    client: httpx2.AsyncClient, start: int, stop: int | None, count: int
) -> None:
    end = "" if stop is None else f"&stop={stop}"
    response = await client.get(f"/api/v1/halls/samples?start={start}{end}", headers=CSV)
    assert len(rows(response)) == count


def test_the_document_declares_both(shelf: Shelf) -> None:
    paths: Callable[[str], Any] = application(shelf).openapi()["paths"].__getitem__
    for path in ("/api/v1/halls/{hall}/gauges", "/api/v1/halls/counts", "/api/v1/halls/samples"):
        assert list(paths(path)["get"]["responses"]["200"]["content"]) == ["application/json", "text/csv"]
    assert list(paths("/api/v1/halls/counts")["post"]["responses"]["200"]["content"]) == ["application/json"]
