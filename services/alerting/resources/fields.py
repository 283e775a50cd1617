"""Field types of what happens on the wall clock of a place."""

import re
from datetime import datetime
from typing import Annotated, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from shared.http.fields import within_reach

# RFC 3339 without the offset, which the format `date-time` of JSON Schema demands.
WALL_CLOCK = (
    "^(19|2[0-9])[0-9]{2}-"
    "((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31|02-29)"
    r"T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?$"
)


def _check_form(value: object) -> object:
    if not isinstance(value, datetime) and not (isinstance(value, str) and re.match(WALL_CLOCK, value)):
        raise PydanticCustomError(
            "wall_clock", "must be a date and a time without an offset, such as 2026-01-05T06:00:00"
        )
    return value


def _check_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise PydanticCustomError(
            "zone", "must be a time zone of the IANA database, such as Europe/Berlin"
        ) from None
    return name


TimeZone: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=100), AfterValidator(_check_zone)
]
WallClock: TypeAlias = Annotated[
    datetime,
    BeforeValidator(_check_form),
    AfterValidator(within_reach),
    WithJsonSchema({"type": "string", "pattern": WALL_CLOCK}),
]
