"""The object store for uploads and models: a local folder, S3, or memory in tests."""

import asyncio
import io
import os
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import obstore
from obstore.store import ObjectStore, from_url
from typing_extensions import Buffer

from services.analysis.objects.frames import FrameReader, Source
from services.analysis.objects.names import COMPRESSED
from shared.secret_files import store_credentials

# An upload in progress holds two parts of this size in memory, and the one that is being filled.
PART_BYTES = 5 * 2**20
PARTS_IN_FLIGHT = 2
READ_AHEAD_BYTES = 4 * 2**20


class Storage:
    """Keys are paths with `/`. Methods raise OSError or obstore's BaseError."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    @classmethod
    def at(cls, url: str) -> "Storage":
        """Open `file:///folder` (created if missing), `s3://bucket/prefix` or `memory:///`; see obstore."""
        if url.startswith("file://"):
            return cls(from_url(url, mkdir=True, automatic_cleanup=True))
        credentials: Any = store_credentials(os.environ)
        return cls(from_url(url, config=credentials) if credentials else from_url(url))

    async def put_stream(self, key: str, chunks: AsyncIterator[bytes]) -> None:
        """Write chunks as they arrive. If they end in an error, the object is not created."""
        await obstore.put_async(
            self._store, key, chunks, chunk_size=PART_BYTES, max_concurrency=PARTS_IN_FLIGHT
        )

    async def put(self, key: str, content: Buffer) -> None:
        await obstore.put_async(self._store, key, content)

    async def get(self, key: str) -> bytes:
        """Return a whole object; for models, never for uploads. Raises FileNotFoundError."""
        result = await obstore.get_async(self._store, key)
        return bytes(await result.bytes_async())

    async def upload(self, key: str, path: Path) -> None:
        """Store a file of any size."""
        await obstore.put_async(
            self._store, key, path, chunk_size=PART_BYTES, max_concurrency=PARTS_IN_FLIGHT
        )

    async def download(self, key: str, path: Path) -> None:
        """Write an object of any size to a file. Raises FileNotFoundError."""
        result = await obstore.get_async(self._store, key)
        with path.open("wb") as file:
            async for chunk in result.stream(min_chunk_size=READ_AHEAD_BYTES):
                await asyncio.to_thread(file.write, chunk)

    def open(self, key: str, on_bytes: Callable[[int], None]) -> io.BufferedReader:
        """Open a seekable stream that fetches data on demand and reports their size. Blocks: for threads.

        An object in frames is read as what it contains.
        """
        source: Any = obstore.open_reader(self._store, key, buffer_size=READ_AHEAD_BYTES)
        if key.endswith(COMPRESSED):
            source = FrameReader(source)
        return io.BufferedReader(_Reader(source, on_bytes), READ_AHEAD_BYTES)

    async def delete(self, keys: Sequence[str]) -> None:
        """Delete the objects that exist; missing ones are ignored."""
        for key in keys:
            try:
                await obstore.delete_async(self._store, key)
            except FileNotFoundError:
                continue

    async def measure(self, name: str) -> tuple[int, int]:
        """The number of objects with this key, or below it if the name ends in a slash, and their bytes."""
        folder = name if name.endswith("/") else name.rpartition("/")[0] + "/"
        sizes = [
            item["size"]
            async for batch in obstore.list(self._store, folder)
            for item in batch
            if name.endswith("/") or item["path"] == name
        ]
        return len(sizes), sum(sizes)

    async def delete_all(self, name: str) -> None:
        """Delete the object with this key, or, if the name ends in a slash, all objects below it."""
        below = name.endswith("/")
        await self.delete([key for key, _ in await self.list(name)] if below else [name])

    async def list(self, prefix: str) -> list[tuple[str, datetime]]:
        """Return the keys below the prefix, with the times of their last modification."""
        found: list[tuple[str, datetime]] = []
        async for batch in obstore.list(self._store, prefix):
            found += [(item["path"], item["last_modified"]) for item in batch]
        return found


class _Reader(io.RawIOBase):
    """Adapts a seekable source to the interface of a raw file, which parsers and gzip expect."""

    def __init__(self, source: Source, on_bytes: Callable[[int], None]) -> None:
        self._source = source
        self._on_bytes = on_bytes

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._source.seek(offset, whence)

    def tell(self) -> int:
        return self._source.tell()

    def readinto(self, buffer: Buffer) -> int:
        view = memoryview(buffer).cast("B")
        content = bytes(self._source.read(len(view)))
        view[: len(content)] = content
        self._on_bytes(len(content))
        return len(content)
