"""Objects compressed at rest are read as what was stored, anywhere, and by every zstd program."""

import io
import random
import struct
from collections import Counter
from collections.abc import AsyncIterator
from functools import partial

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.analysis.objects import frames
from services.analysis.objects.frames import FRAME_BYTES, FrameReader, compressed
from services.analysis.objects.store import Storage
from services.analysis.uploads.domain import StoredFile

RANDOM = random.Random(1)
TABLE = "".join(f"{n},{RANDOM.random():.6f}\n" for n in range(200_000)).encode()
NOISE = RANDOM.randbytes(2 * FRAME_BYTES)


async def stored(content: bytes, chunk: int = 65_536) -> bytes:
    async def chunks() -> AsyncIterator[bytes]:
        for first in range(0, len(content), chunk):
            yield content[first : first + chunk]

    return b"".join([part async for part in compressed(chunks())])


@pytest.mark.parametrize("content", [b"", b"x", TABLE, NOISE, TABLE[: 2 * FRAME_BYTES]])
async def test_content_comes_back(content: bytes) -> None:
    packed = await stored(content)
    reader = io.BufferedReader(FrameReader(io.BytesIO(packed)))
    assert reader.read() == content
    # Another program, which knows nothing of the table.
    assert pa.input_stream(pa.BufferReader(packed), compression="zstd").read() == content
    assert len(packed) < len(content) * 1.001 + 100


async def test_tables_become_smaller() -> None:
    assert len(await stored(TABLE)) < len(TABLE) / 1.9


async def test_the_size_of_chunks_does_not_matter() -> None:
    whole = await stored(TABLE, len(TABLE))
    assert await stored(TABLE, 1_000_003) == whole == await stored(TABLE, FRAME_BYTES)


class Counted(io.BytesIO):
    fetched = 0

    def read(self, size: int | None = -1, /) -> bytes:
        content = super().read(size)
        self.fetched += len(content)
        return content


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_reading_anywhere(data: st.DataObject) -> None:
    content = TABLE[: 3 * 1000]
    sizes = data.draw(st.lists(st.integers(1, 1000), min_size=3, max_size=3))
    reader, plain = FrameReader(io.BytesIO(_in_frames(content[: sum(sizes)], sizes))), io.BytesIO(content)
    plain.truncate(sum(sizes))
    for offset, whence, size in data.draw(
        st.lists(st.tuples(st.integers(0, 3500), st.sampled_from([0, 1, 2]), st.integers(0, 1500)))
    ):
        back = -min(offset, sum(sizes)) if whence == io.SEEK_END else offset
        assert reader.seek(back, whence) == plain.seek(back, whence)
        assert _all_of(reader, size) == plain.read(size)


def _all_of(reader: FrameReader, size: int) -> bytes:
    """A raw file may give less than it is asked for."""
    found = b""
    while piece := reader.read(size - len(found)):
        found += piece
    return found


def _in_frames(content: bytes, sizes: list[int]) -> bytes:
    """Frames as another program may cut them."""
    codec, body, entries = pa.Codec("zstd"), b"", b""
    for size in sizes:
        frame = codec.compress(content[:size], asbytes=True)
        content = content[size:]
        body, entries = body + frame, entries + struct.pack("<II", len(frame), size)
    footer = struct.pack("<IBI", len(sizes), 0, frames.SEEKABLE_MAGIC)
    return body + struct.pack("<II", frames.SKIPPABLE_MAGIC, len(entries) + len(footer)) + entries + footer


async def test_only_the_frames_that_are_needed_are_read() -> None:
    source = Counted(await stored(NOISE))
    reader = FrameReader(source)
    reader.seek(-10, io.SEEK_END)
    assert reader.read(10) == NOISE[-10:]
    assert source.fetched < 1.1 * FRAME_BYTES


@pytest.mark.parametrize("kept", [0, 5, 17, 1000, -1])
async def test_a_damaged_object_is_no_table(kept: int) -> None:
    packed = await stored(TABLE)
    with pytest.raises(OSError, match="damaged"):
        FrameReader(io.BytesIO(packed[:kept]))


async def test_a_damaged_frame_is_an_error() -> None:
    packed = bytearray(await stored(TABLE))
    packed[:20] = bytes(20)
    with pytest.raises(OSError, match="zstd"):
        FrameReader(io.BytesIO(packed)).read()


async def test_objects_in_frames_and_those_of_before_are_read_alike() -> None:
    storage, counts = Storage.at("memory:///"), Counter[str]()

    def count(key: str, size: int) -> None:
        counts[key] += size

    await storage.put("uploads/1/0000", TABLE)
    await storage.put("uploads/1/0001.zst", await stored(TABLE))
    for key in ("uploads/1/0000", "uploads/1/0001.zst"):
        with storage.open(key, partial(count, key)) as file:
            file.seek(10)
            assert file.read(20) == TABLE[10:30]
            file.seek(0)
            assert file.read() == TABLE
    # Progress counts bytes as sent.
    assert all(count > len(TABLE) for count in counts.values())


def test_a_row_names_the_object() -> None:
    assert StoredFile("a.csv", 3, "uploads/1/0000.zst").recorded() == {
        "filename": "a.csv",
        "size": 3,
        "object": "0000.zst",
    }
