"""Cursors of the fleet."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.analysis.fleet.domain import FleetPosition, FleetSort
from services.analysis.fleet.schemas import MAX_CURSOR_LENGTH, decode_cursor, encode_cursor
from shared.errors import Unprocessable
from shared.http.pages import Cursor
from tests.unit.analysis.database.examples import NOW


@given(
    rank=st.floats(allow_nan=False, allow_infinity=False),
    name=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=255),
    sort=st.sampled_from(FleetSort),
)
def test_a_cursor_comes_back_as_it_was(rank: float, name: str, sort: FleetSort) -> None:
    position = FleetPosition(rank, name, uuid4())
    text = encode_cursor(sort, position)
    assert len(text) <= MAX_CURSOR_LENGTH
    assert decode_cursor(sort, text) == position


@given(text=st.text(max_size=50))
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(Unprocessable):
        decode_cursor(FleetSort.NEED, text)


def test_cursors_of_other_lists_and_orders_are_refused() -> None:
    other = encode_cursor(FleetSort.NAME, FleetPosition(0.0, "pump", uuid4()))
    for text in (Cursor(NOW, uuid4()).encode(), other):
        with pytest.raises(Unprocessable, match="cursor"):
            decode_cursor(FleetSort.NEED, text)
