"""Cursors survive the way to the client and back, and nothing else passes for one."""

import base64
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import BadRequest
from shared.http.pages import Cursor, Page, Slice

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@given(at=st.datetimes(timezones=st.just(UTC)), id_=st.uuids())
def test_a_cursor_survives_the_way(at: datetime, id_: UUID) -> None:
    cursor = Cursor(at, id_)
    text = cursor.encode()
    assert Cursor.decode(text) == cursor
    # It stands in a query as it is.
    assert text.replace("-", "").replace("_", "").isalnum()


def test_the_time_zone_is_kept() -> None:
    at = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert Cursor.decode(Cursor(at, uuid4()).encode()).at == NOON


@pytest.mark.parametrize(
    "text",
    [
        "",
        "garbage",
        "ü",
        "////",
        "%00",
        base64.urlsafe_b64encode(b"\xff\xfe|x").decode(),
        base64.urlsafe_b64encode(b"2026-01-01T00:00:00+00:00").decode(),
        base64.urlsafe_b64encode(b"2026-01-01T00:00:00+00:00|no-uuid").decode(),
        base64.urlsafe_b64encode(f"2026-01-01T00:00:00|{UUID(int=1)}".encode()).decode(),
        base64.urlsafe_b64encode(f"yesterday|{UUID(int=1)}".encode()).decode(),
    ],
)
def test_what_no_list_answered_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="Start without a cursor"):
        Cursor.decode(text)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(BadRequest):
        Cursor.decode(text)


@pytest.mark.parametrize(
    ("rows", "shown", "more"), [(0, 0, False), (2, 2, False), (3, 3, False), (4, 3, True)]
)
def test_a_page_says_whether_more_follow(rows: int, shown: int, more: bool) -> None:
    part = Slice.cut(range(rows), 3, lambda number: Cursor(NOON, UUID(int=number)))
    assert list(part.items) == list(range(shown))
    page = Page[str].of(part, str)
    assert page.items == [str(number) for number in range(shown)]
    if more:
        assert page.next_cursor is not None
        assert Cursor.decode(page.next_cursor).id == UUID(int=2)
    else:
        assert page.next_cursor is None
