"""Field types that the HTTP models of several services share."""

from datetime import datetime
from typing import Annotated, Any, TypeVar

import orjson
from pydantic import AfterValidator, AwareDatetime, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

T = TypeVar("T")
# Python and PostgreSQL can express every result of arithmetic with such times, in every time zone.
MIN_YEAR, MAX_YEAR = 1900, 2999
YEAR_PATTERN = "^(19|2[0-9])[0-9]{2}-"
# Free-form objects are for notes, not for files.
MAX_JSON_OBJECT_BYTES = 64 * 1024
# PostgreSQL stores every character but U+0000. Names are stripped, so they need more than white space.
STORABLE = r"^[^\x00]*$"
SOMETHING_STORABLE = r"^[^\x00]*[^\x00\s][^\x00]*$"


def reject_null(value: T | None) -> T:
    if value is None:
        raise ValueError("must not be null: leave the field out to keep its value")
    return value


class NotNull:
    """Marks a field of a PATCH that may be left out but not be null. Its JSON schema does not allow null."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(reject_null, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return without_null(handler(schema))


def without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """The same JSON schema without null among its alternatives."""
    alternatives = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    if not alternatives:
        return schema
    rest = {name: value for name, value in schema.items() if name != "anyOf"}
    return {**alternatives[0], **rest} if len(alternatives) == 1 else {**rest, "anyOf": alternatives}


def storable(value: Any) -> Any:
    """The value itself. Raises ValueError if it is too large or PostgreSQL cannot store it."""
    try:
        text = orjson.dumps(value)
    except TypeError as error:
        raise ValueError(f"is not plain JSON: {error}") from None
    if len(text) > MAX_JSON_OBJECT_BYTES:
        raise ValueError(f"is larger than {MAX_JSON_OBJECT_BYTES // 1024} KiB")
    if b"\\u0000" in text:
        raise ValueError("must not contain the character U+0000, which the database cannot store")
    return value


def within_reach(moment: datetime) -> datetime:
    """The moment itself. Raises ValueError if it is too distant for arithmetic."""
    if not MIN_YEAR <= moment.year <= MAX_YEAR:
        raise ValueError(f"must be a time between the years {MIN_YEAR} and {MAX_YEAR}")
    return moment


# A time in a request.
Moment = Annotated[
    AwareDatetime, AfterValidator(within_reach), Field(json_schema_extra={"pattern": YEAR_PATTERN})
]
JsonObject = Annotated[dict[str, Any], AfterValidator(storable)]
