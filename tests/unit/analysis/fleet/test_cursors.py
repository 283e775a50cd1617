"""Positions in the fleet's orders."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.analysis.fleet.domain import FleetPosition
from services.analysis.fleet.schemas import decode_position, encode_position
from shared.errors import Unprocessable
from shared.http.pages import MAX_CURSOR_LENGTH, Cursor, bind
from tests.unit.analysis.database.examples import NOW


@given(
    rank=st.floats(allow_nan=False, allow_infinity=False),
    name=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=255),
)
def test_a_position_comes_back_as_it_was(rank: float, name: str) -> None:
    position = FleetPosition(rank, name, uuid4())
    text = encode_position(position)
    assert len(bind(text, "/api/v1/fleet", [], None)) <= MAX_CURSOR_LENGTH
    assert decode_position(text) == position


@given(text=st.text(max_size=50))
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(Unprocessable):
        decode_position(text)


def test_positions_of_other_lists_are_refused() -> None:
    with pytest.raises(Unprocessable, match="cursor"):
        decode_position(Cursor(NOW, uuid4()).encode())
