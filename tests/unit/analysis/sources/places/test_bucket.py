"""Buckets: what is listed below a prefix, and what a store's refusal becomes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import obstore
import pytest
from aiohttp import web
from obstore.store import MemoryStore

from services.analysis.sources.places.base import PlaceError
from services.analysis.sources.places.bucket import BucketPlace, s3_store
from services.analysis.sources.places.kinds import Bucket

SOON, PATIENCE = 0.3, 60.0


async def test_objects_below_the_prefix_are_listed_and_read() -> None:
    store = MemoryStore()
    for key, content in (("in/a.csv", b"123"), ("in/x/b.csv", b"4" * 3_000_000), ("inner/c.csv", b"5")):
        await obstore.put_async(store, key, content)
    place = BucketPlace(store, "/in/")
    listed = {entry.path: entry for entry in await place.entries()}
    assert {path: entry.size for path, entry in listed.items()} == {"a.csv": 3, "x/b.csv": 3_000_000}
    assert await place.find("a.csv") == listed["a.csv"]
    assert await place.find("c.csv") is None
    assert b"".join([block async for block in place.read("x/b.csv")]) == b"4" * 3_000_000
    await obstore.put_async(store, "in/a.csv", b"456")
    after = await place.find("a.csv")
    assert after is not None
    assert after.version != listed["a.csv"].version
    assert len(await BucketPlace(store, "").entries()) == 3


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(answer: Answer, *, silence: float = PATIENCE) -> AsyncIterator[BucketPlace]:
    """A place in a bucket of a server that answers so."""
    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    # Requests that are never answered end with the server, not before it.
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    endpoint = f"http://127.0.0.1:{runner.addresses[0][1]}"
    bucket = Bucket(kind="bucket", bucket="plant-data", access_key_id="mine", endpoint=endpoint)
    try:
        yield BucketPlace(s3_store(bucket, "my-secret"), "in", silence=silence)
    finally:
        await runner.cleanup()


async def test_only_the_credentials_of_the_source_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-the-worker")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-worker")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of-the-worker")
    monkeypatch.setenv("AWS_ENDPOINT", "http://of-the-worker.invalid")
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    seen: list[web.Request] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request)
        text = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
        return web.Response(status=403, text=text, content_type="application/xml")

    async with serving(answer) as place:
        with pytest.raises(PlaceError) as refused:
            await place.entries()
    assert refused.value.problem.code == "bucket-refused"
    assert seen[0].path.startswith("/plant-data")
    sent = str(seen[0].headers)
    assert "Credential=mine/" in sent
    assert "of-the-worker" not in sent
    assert "my-secret" not in str(refused.value)


async def content(place: BucketPlace) -> bytes:
    return b"".join([block async for block in place.read("a.csv")])


@pytest.mark.parametrize(
    ("status", "said", "code", "params"),
    [
        (403, "InvalidObjectState", "file-unreadable", {"file": "a.csv"}),
        (403, "AccessDenied", "file-unreadable", {"file": "a.csv"}),
        (400, "KMS.DisabledException", "file-unreadable", {"file": "a.csv"}),
        (403, "InvalidAccessKeyId", "bucket-refused", {}),
        (403, "SignatureDoesNotMatch", "bucket-refused", {}),
    ],
)
async def test_an_object_that_is_refused_says_nothing_of_the_others(
    status: int, said: str, code: str, params: dict[str, str]
) -> None:
    async def answer(_: web.Request) -> web.Response:
        text = f"<Error><Code>{said}</Code><Message>no</Message></Error>"
        return web.Response(status=status, text=text, content_type="application/xml")

    async with serving(answer) as place:
        with pytest.raises(PlaceError) as refused:
            await content(place)
    assert (refused.value.problem.code, refused.value.problem.params) == (code, params)


@pytest.mark.parametrize("asked", [BucketPlace.entries, lambda place: place.find("a.csv"), content])
@pytest.mark.parametrize("begun", [False, True])
async def test_a_store_that_stalls_is_left(
    asked: Callable[[BucketPlace], Awaitable[object]], begun: bool
) -> None:
    """Before its answer, or in the middle of one."""

    async def stall(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"ETag": "x", "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"})
        response.content_length = 4_000_000
        if begun and request.method == "GET":
            await response.prepare(request)
            await response.write(b"1" * 1000)
        await asyncio.Event().wait()
        return response

    async with serving(stall, silence=SOON) as place:
        with pytest.raises(PlaceError, match="does not answer") as refused:
            await asked(place)
    assert refused.value.problem.code == "bucket-unavailable"
