"""A time on a wall clock has no offset, in the document as in the service."""

import re

import pytest
from pydantic import TypeAdapter, ValidationError

from services.alerting.resources.fields import WALL_CLOCK, WallClock

TIMES: TypeAdapter[WallClock] = TypeAdapter(WallClock)


@pytest.mark.parametrize("text", ["2026-01-05T06:00:00", "2026-01-31T23:59", "2028-02-29T00:00:00.5"])
def test_the_document_and_the_service_accept(text: str) -> None:
    assert re.match(WALL_CLOCK, text)
    assert TIMES.validate_json(f'"{text}"').isoformat().startswith(text)


@pytest.mark.parametrize(
    "value",
    ['"2026-01-05T06:00:00Z"', '"2026-01-05"', '"2026-02-30T06:00:00"', '"1899-12-31T23:59:59"', "0", "null"],
)
def test_the_document_and_the_service_refuse(value: str) -> None:
    assert not re.match(WALL_CLOCK, value.strip('"'))
    with pytest.raises(ValidationError):
        TIMES.validate_json(value)
