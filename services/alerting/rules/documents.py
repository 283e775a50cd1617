"""What the two documents of a rule, `condition` and `actions`, have in common."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import InitErrorDetails, PydanticCustomError

from services.alerting.rules.durations import DURATION

Location: TypeAlias = tuple[str | int, ...]
Problem: TypeAlias = tuple[Location, str]


class Document(BaseModel):
    """A part of a document. Unknown keys are refused, so that a misspelt one is not silently ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def invalid(problems: Sequence[Problem]) -> ValidationError:
    """An error of pydantic's with several problems, each at its location within the validated value."""
    details = [
        InitErrorDetails(
            type=PydanticCustomError("rule", "{detail}", {"detail": detail}), loc=location, input=None
        )
        for location, detail in problems
    ]
    return ValidationError.from_exception_data("rule", details)


def _refuse(_value: Any, info: ValidationInfo) -> Any:
    raise PydanticCustomError(
        "not_evaluated",
        "{key} is not supported yet: leave it out",
        {"key": info.field_name},
    )


NotEvaluated: TypeAlias = Annotated[SkipJsonSchema[Any], BeforeValidator(_refuse)]
"""A key of the language that is not supported yet: it is refused, and absent from the JSON Schema."""


def _no_boolean(value: Any) -> Any:
    # Python takes true for 1.
    if isinstance(value, bool):
        raise PydanticCustomError("version", "must be 1")
    return value


Version: TypeAlias = Annotated[Literal[1], BeforeValidator(_no_boolean)]


def _check_duration(text: str) -> str:
    if not DURATION.fullmatch(text):
        raise PydanticCustomError(
            "duration", "must be an ISO 8601 duration of weeks, days and time, such as PT15M or P1D"
        )
    return text


Duration: TypeAlias = Annotated[
    str, AfterValidator(_check_duration), WithJsonSchema({"type": "string", "format": "duration"})
]
