"""Field types that the HTTP models of several services share."""

from typing import Annotated, Any, TypeVar

import orjson
from pydantic import AfterValidator

T = TypeVar("T")
# Free-form objects are notes about a thing, not a place to store files.
LARGEST_JSON_OBJECT_BYTES = 64 * 1024


def reject_null(value: T | None) -> T:
    """For fields of a PATCH that may be left out but not emptied."""
    if value is None:
        raise ValueError("must not be null: leave the field out to keep its value")
    return value


def _storable(value: dict[str, Any]) -> dict[str, Any]:
    try:
        text = orjson.dumps(value)
    except TypeError as error:
        raise ValueError(f"is not plain JSON: {error}") from None
    if len(text) > LARGEST_JSON_OBJECT_BYTES:
        raise ValueError(f"is larger than {LARGEST_JSON_OBJECT_BYTES // 1024} KiB")
    if b"\\u0000" in text:
        raise ValueError("must not contain the character U+0000, which the database cannot store")
    return value


JsonObject = Annotated[dict[str, Any], AfterValidator(_storable)]
