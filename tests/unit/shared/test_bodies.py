"""The digest of a body depends on every byte, but neither on its chunks nor on the boundary of a form."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers
from starlette.types import Message

from shared.http.bodies import BodyDigest, DigestedBody, head_digest

BOUNDARY = b"--aXa--aXb"
# Made of the letters of the boundary, so that prefixes of the boundary are frequent.
CONFUSING = st.lists(st.sampled_from([BOUNDARY, BOUNDARY[:3], b"-", b"a", b"X", b"\r\n"]), max_size=30)


def multipart(boundary: bytes) -> str:
    return f'multipart/form-data; boundary="{boundary.decode()}"'


def digest(content_type: str, *pieces: bytes) -> str:
    made = BodyDigest(content_type)
    for piece in pieces:
        made.update(piece)
    return made.hexdigest()


def form(boundary: bytes, content: bytes) -> bytes:
    head = b'Content-Disposition: form-data; name="files"; filename="a.csv"\r\n\r\n'
    return b"--" + boundary + b"\r\n" + head + content + b"\r\n--" + boundary + b"--\r\n"


def split(body: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(body) + 1) for place in places), len(body)]
    return [body[begin:end] for begin, end in pairwise(edges)]


@given(st.sampled_from(["application/json", multipart(BOUNDARY)]), CONFUSING, st.lists(st.integers(0)))
def test_the_split_into_pieces_does_not_change_the_digest(
    content_type: str, parts: list[bytes], places: list[int]
) -> None:
    body = b"".join(parts)
    assert digest(content_type, *split(body, places)) == digest(content_type, body)


@given(st.sampled_from(["application/json", multipart(BOUNDARY)]), CONFUSING, CONFUSING)
def test_other_bytes_have_another_digest(content_type: str, one: list[bytes], other: list[bytes]) -> None:
    first, second = b"".join(one), b"".join(other)
    assert (digest(content_type, first) == digest(content_type, second)) == (first == second)


def test_an_attempt_with_another_boundary_is_the_same_form() -> None:
    made = {digest(multipart(b), form(b, b"1,2,3")) for b in (b"one", b"two", b"a-longer-one")}
    assert len(made) == 1
    assert digest(multipart(b"one"), form(b"one", b"1,2,4")) not in made


def test_a_body_that_is_no_form_has_no_boundary() -> None:
    assert digest("text/csv; boundary=one", b"one") != digest("text/csv; boundary=one", b"two")


@pytest.mark.parametrize(
    "change",
    [
        {"method": "PATCH"},
        {"path": "/b"},
        {"query_string": b"a=2"},
        {"headers": [(b"x-organization-id", b"2")]},
        {"headers": [(b"content-type", b"text/csv")]},
    ],
)
def test_the_head_tells_requests_apart(change: dict[str, object]) -> None:
    scope = {"type": "http", "method": "POST", "path": "/a", "query_string": b"a=1", "headers": []}
    changed = {**scope, **change}
    assert head_digest(scope, Headers(scope=scope)) != head_digest(changed, Headers(scope=changed))


async def test_a_body_is_read_to_its_end_once() -> None:
    messages: list[Message] = [
        {"type": "http.request", "body": b"ab", "more_body": True},
        {"type": "http.request", "body": b"c"},
    ]

    async def receive() -> Message:
        return messages.pop(0)

    body = DigestedBody(Headers({"Content-Length": "3"}), receive)
    assert (await body.receive())["body"] == b"ab"
    assert not body.ended
    await body.read_to_the_end()
    await body.read_to_the_end()
    assert body.ended
    assert body.digest() == digest("", b"abc")


@pytest.mark.parametrize(
    ("headers", "ended"),
    [({}, True), ({"Content-Length": "0"}, True), ({"Transfer-Encoding": "chunked"}, False)],
)
async def test_a_request_without_a_body_has_ended(headers: dict[str, str], ended: bool) -> None:
    async def receive() -> Message:
        raise AssertionError("there is nothing to receive")

    assert DigestedBody(Headers(headers), receive).ended is ended
