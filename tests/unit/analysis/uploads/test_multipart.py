"""Forms are read part by part, however the body is divided into chunks."""

from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.analysis.uploads.errors import BrokenForm
from services.analysis.uploads.multipart import Form
from shared.errors import UnsupportedMediaType

TYPE = "multipart/form-data; boundary=xyz"
BODY = (
    b'--xyz\r\nContent-Disposition: form-data; name="machine_id"\r\n\r\n 17 \r\n'
    b'--xyz\r\nContent-Disposition: form-data; name="files"; filename="a \xc3\xa4.csv"\r\n'
    b"Content-Type: text/csv\r\n\r\nx,y\r\n1,2\r\n--xy\r\n"
    b'\r\n--xyz\r\nCONTENT-DISPOSITION: form-data; name="note"\r\n\r\n\r\n--xyz--\r\n'
)


async def pieces(body: bytes, cuts: list[int]) -> AsyncIterator[bytes]:
    edges = [0, *sorted(cuts), len(body)]
    for start, stop in pairwise(edges):
        if stop > start:
            yield body[start:stop]


async def read(body: bytes, cuts: list[int]) -> list[tuple[str, str | None, bytes]]:
    form = Form(TYPE, pieces(body, cuts))
    return [
        (part.name, part.filename, b"".join([chunk async for chunk in part.chunks()]))
        async for part in form.parts()
    ]


@given(st.lists(st.integers(0, len(BODY)), max_size=12))
async def test_chunk_boundaries_do_not_matter(cuts: list[int]) -> None:
    assert await read(BODY, cuts) == [
        ("machine_id", None, b" 17 "),
        ("files", "a ä.csv", b"x,y\r\n1,2\r\n--xy\r\n"),
        ("note", None, b""),
    ]


async def test_unread_parts_are_skipped() -> None:
    names = [part.name async for part in Form(TYPE, pieces(BODY, [])).parts()]
    assert names == ["machine_id", "files", "note"]


async def test_values_are_text() -> None:
    parts = Form(TYPE, pieces(BODY, [])).parts()
    assert await (await anext(parts)).text() == "17"


@pytest.mark.parametrize("value", [b"\xff\xfe", b"1" * 5000])
async def test_values_that_are_not_text_or_too_long(value: bytes) -> None:
    parts = Form(TYPE, pieces(BODY.replace(b" 17 ", value), [])).parts()
    part = await anext(parts)
    with pytest.raises(BrokenForm):
        await part.text()


@pytest.mark.parametrize(
    "body",
    [BODY[:200], b"", b"no form", BODY.replace(b'; name="note"', b"")],
    ids=["cut", "empty", "none", "nameless"],
)
async def test_broken_forms(body: bytes) -> None:
    with pytest.raises(BrokenForm):
        await read(body, [])


@pytest.mark.parametrize("kind", ["", "text/csv", "multipart/form-data", "multipart/mixed; boundary=x"])
def test_a_body_that_is_not_a_form(kind: str) -> None:
    with pytest.raises(UnsupportedMediaType):
        Form(kind, pieces(BODY, []))
