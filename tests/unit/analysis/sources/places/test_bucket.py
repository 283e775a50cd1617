"""Buckets: what is listed below a prefix, and what a store's refusal becomes."""

import obstore
import pytest
from aiohttp import web
from obstore.store import MemoryStore

from services.analysis.sources.places.base import PlaceError
from services.analysis.sources.places.bucket import BucketPlace, s3_store
from services.analysis.sources.places.kinds import Bucket


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

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    bucket = Bucket(
        kind="bucket", bucket="plant-data", access_key_id="mine", endpoint=f"http://127.0.0.1:{port}"
    )
    try:
        with pytest.raises(PlaceError) as refused:
            await BucketPlace(s3_store(bucket, "my-secret"), "in").entries()
    finally:
        await runner.cleanup()
    assert refused.value.problem.code == "bucket-refused"
    assert seen[0].path.startswith("/plant-data")
    sent = str(seen[0].headers)
    assert "Credential=mine/" in sent
    assert "of-the-worker" not in sent
    assert "my-secret" not in str(refused.value)
