"""Cursors survive the round trip through a client, and anything else is rejected."""

import base64
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from shared.errors import Unprocessable
from shared.http.fields import MAX_YEAR, MIN_YEAR, Moment
from shared.http.pages import Cursor, Page, Slice, bind, encode

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


IN_REACH = st.datetimes(datetime(MIN_YEAR, 1, 1), datetime(MAX_YEAR, 12, 31), timezones=st.just(UTC))
OFFSETS = st.timedeltas(timedelta(hours=-23, minutes=-59), timedelta(hours=23, minutes=59)).map(
    lambda offset: timezone(timedelta(minutes=offset // timedelta(minutes=1)))
)
EXTREMES = st.sampled_from(["0001-01-01T00:00:00", "1899-12-31T23:59:59", "9999-12-31T23:59:59.999999"])
ANY_TIME = st.datetimes() | EXTREMES.map(datetime.fromisoformat)


@given(at=IN_REACH, id_=st.uuids())
def test_a_cursor_is_decoded_to_what_was_encoded(at: datetime, id_: UUID) -> None:
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
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
        base64.urlsafe_b64encode(b"7").decode(),
        encode(),
        encode("2026-01-01T00:00:00+00:00"),
        encode("2026-01-01T00:00:00+00:00", "no-uuid"),
        encode("2026-01-01T00:00:00", str(UUID(int=1))),
        encode("yesterday", str(UUID(int=1))),
        encode(2026, 1),
        encode("2026-01-01T00:00:00+00:00", str(UUID(int=1)), "more"),
    ],
)
def test_a_cursor_of_no_list_is_refused(text: str) -> None:
    with pytest.raises(Unprocessable, match="Start without a cursor"):
        Cursor.decode(text)


@given(ANY_TIME, OFFSETS, st.uuids())
def test_a_cursor_has_a_valid_time_or_is_refused(at: datetime, offset: timezone, id_: UUID) -> None:
    written = encode(f"{at.isoformat()}{_offset(offset)}", str(id_))
    if not MIN_YEAR <= at.year <= MAX_YEAR:
        with pytest.raises(Unprocessable) as refused:
            Cursor.decode(written)
        assert [field.pointer for field in refused.value.errors] == ["/query/cursor"]
        return
    # What the database's driver does with it, and more than services do.
    moment = Cursor.decode(written).at.astimezone(UTC)
    assert moment - timedelta(days=366 * 1000) < moment + timedelta(days=366 * 1000)
    # Python's extremes are the database's infinities.
    assert moment.replace(tzinfo=None) not in (datetime.min, datetime.max)


def _offset(zone: timezone) -> str:
    """As ISO 8601 writes it, to the minute."""
    return datetime(2000, 1, 1, tzinfo=zone).isoformat()[19:]


class Filter(BaseModel):
    since: Moment | None = None


@given(ANY_TIME, OFFSETS)
def test_a_time_of_a_filter_is_in_range_or_is_refused(at: datetime, offset: timezone) -> None:
    asked = {"since": at.isoformat() + _offset(offset)}
    if not MIN_YEAR <= at.year <= MAX_YEAR:
        with pytest.raises(ValidationError, match="between the years 1900 and 2999"):
            Filter.model_validate(asked)
        return
    found = Filter.model_validate(asked)
    assert found.since is not None
    moment = found.since.astimezone(UTC)
    assert moment - timedelta(days=366 * 1000) < moment + timedelta(days=366 * 1000)


@pytest.mark.parametrize(
    "text", ["infinity", "-infinity", "nan", "inf", "1e400", "-1e400", "1e30", "10000-01-01T00:00:00Z"]
)
def test_a_text_that_is_not_a_time_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        Filter.model_validate({"since": text})


def test_the_document_states_the_range_of_years() -> None:
    schema = Filter.model_json_schema()["properties"]["since"]["anyOf"][0]
    for year in ("1900", "2026", "2999"):
        assert re.search(schema["pattern"], f"{year}-01-01T00:00:00Z")
    for year in ("0001", "1899", "3000", "9999"):
        assert not re.search(schema["pattern"], f"{year}-01-01T00:00:00Z")


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(Unprocessable):
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


def test_a_cursor_depends_on_the_list_its_filters_and_the_organization_alone() -> None:
    position, filters = encode("a", "b"), [("q", "a"), ("tag", "x"), ("tag", "y")]
    cursor = bind(position, "/machines", filters, None)
    assert bind(position, "/machines", [*filters[::-1], ("limit", "7"), ("cursor", cursor)], None) == cursor
    others = [
        bind(position, "/alerts", filters, None),
        bind(position, "/machines", filters[:2], None),
        bind(position, "/machines", [*filters[:2], ("tag", "z")], None),
        bind(position, "/machines", filters, str(UUID(int=1))),
    ]
    assert len({cursor, *others}) == 5
    assert cursor.replace("-", "").replace("_", "").replace(".", "").isalnum()
