"""Objects compressed at rest: zstd frames of a megabyte each, followed by a table of their sizes.

This is the seekable format of the zstd project (facebook/zstd, contrib/seekable_format): every zstd program
decompresses such an object, and a reader decompresses only the frames it needs. Parquet files and archives
are read from their end.
"""

import asyncio
import io
import struct
from bisect import bisect_right
from collections.abc import AsyncIterator
from itertools import accumulate
from typing import Protocol

import pyarrow as pa
from typing_extensions import Buffer

# Larger frames compress hardly better, and each reader holds one of them.
FRAME_BYTES = 2**20
# Higher levels take longer and save no more on tables of measurements (docs/benchmarks.md).
LEVEL = 1

SKIPPABLE_MAGIC, SEEKABLE_MAGIC = 0x184D2A5E, 0x8F92EAB1
_HEAD, _ENTRY, _FOOTER = struct.Struct("<II"), struct.Struct("<II"), struct.Struct("<IBI")


class Source(Protocol):
    """An open file that can be read anywhere."""

    def read(self, size: int, /) -> Buffer: ...

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int: ...

    def tell(self) -> int: ...


async def compressed(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the frames of what arrives, one at a time, and then their table."""
    codec = pa.Codec("zstd", compression_level=LEVEL)
    sizes: list[tuple[int, int]] = []
    waiting = bytearray()

    async def frame() -> bytes:
        content = bytes(waiting[:FRAME_BYTES])
        del waiting[:FRAME_BYTES]
        packed: bytes = await asyncio.to_thread(codec.compress, content, asbytes=True)
        sizes.append((len(packed), len(content)))
        return packed

    async for chunk in chunks:
        waiting += chunk
        while len(waiting) >= FRAME_BYTES:
            yield await frame()
    if waiting:
        yield await frame()
    entries = b"".join(_ENTRY.pack(*size) for size in sizes)
    footer = _FOOTER.pack(len(sizes), 0, SEEKABLE_MAGIC)
    yield _HEAD.pack(SKIPPABLE_MAGIC, len(entries) + len(footer)) + entries + footer


class FrameReader(io.RawIOBase):
    """What the frames of an object contain, as a seekable file. Raises OSError if the object is damaged."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._codec = pa.Codec("zstd")
        sizes = _table(source)
        self._begins = [0, *accumulate(packed for packed, _ in sizes)]
        self._firsts = [0, *accumulate(content for _, content in sizes)]
        self._at = 0
        self._number, self._frame = -1, memoryview(b"")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._firsts[-1]}[whence]
        if origin + offset < 0:
            raise ValueError("the position is before the beginning")
        self._at = origin + offset
        return self._at

    def readinto(self, buffer: Buffer) -> int:
        view = memoryview(buffer).cast("B")
        if self._at >= self._firsts[-1] or not view:
            return 0
        number = bisect_right(self._firsts, self._at) - 1
        if number != self._number:
            self._frame, self._number = self._decompressed(number), number
        part = self._frame[self._at - self._firsts[number] :][: len(view)]
        view[: len(part)] = part
        self._at += len(part)
        return len(part)

    def _decompressed(self, number: int) -> memoryview:
        begin, end = self._begins[number], self._begins[number + 1]
        self._source.seek(begin)
        packed = bytes(self._source.read(end - begin))
        size = self._firsts[number + 1] - self._firsts[number]
        return memoryview(self._codec.decompress(packed, size, asbytes=True))


def _table(source: Source) -> list[tuple[int, int]]:
    """The sizes of the frames: as stored, and of their content."""
    length = source.seek(0, io.SEEK_END)
    if length >= _HEAD.size + _FOOTER.size:
        source.seek(length - _FOOTER.size)
        count, _, magic = _FOOTER.unpack(bytes(source.read(_FOOTER.size)))
        begin = length - _FOOTER.size - count * _ENTRY.size
        if magic == SEEKABLE_MAGIC and begin >= _HEAD.size:
            source.seek(begin)
            sizes = list(_ENTRY.iter_unpack(bytes(source.read(count * _ENTRY.size))))
            if sum(packed for packed, _ in sizes) == begin - _HEAD.size:
                return sizes
    raise OSError("the object is damaged: it does not end in a table of frames")
