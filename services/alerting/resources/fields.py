"""Field types of what happens on the wall clock of a place."""

from typing import Annotated, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, NaiveDatetime, StringConstraints

from shared.http.fields import YEAR_PATTERN, within_reach


def _check_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("must be a time zone of the IANA database, such as Europe/Berlin") from None
    return name


TimeZone: TypeAlias = Annotated[str, StringConstraints(max_length=100), AfterValidator(_check_zone)]
WallClock: TypeAlias = Annotated[
    NaiveDatetime, AfterValidator(within_reach), Field(json_schema_extra={"pattern": YEAR_PATTERN})
]
