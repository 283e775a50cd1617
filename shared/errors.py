"""Base class of all errors, and one class per HTTP status (RFC 9457 problem details)."""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any, ClassVar, Self
from uuid import UUID


def json_pointer(*place: object) -> str:
    """The RFC 6901 pointer to a location, given as names and indexes."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in place)


@dataclass(frozen=True, slots=True)
class FieldError:
    """An invalid field. `pointer` is an RFC 6901 JSON pointer into the request; `detail` says what to do.

    `code` and `params` say the same to programs, and in other languages.
    """

    pointer: str
    detail: str
    code: str = "invalid"
    params: Mapping[str, Any] = field(default_factory=dict)


class DInsightError(Exception):
    """Base of all errors that clients see. `detail` says what is wrong, where, and how to fix it."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"
    code: ClassVar[str] = "internal"
    # What exactly went wrong, for programs and translations: the class's own `code`, or its name.
    reason_code: ClassVar[str] = "internal"
    # The values in `detail`, by their names: the arguments that the class was made with.
    params: Mapping[str, Any]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.reason_code = cls.__dict__.get("code") or _kebab(cls.__name__)

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        error = super().__new__(cls, *args)
        given = _signature(cls.__init__).bind_partial(error, *args, **kwargs).arguments
        error.params = {
            name: plain(value) for name, value in given.items() if name not in OWN and is_plain(value)
        }
        return error

    def __init__(
        self,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)
        self.extra = dict(extra or {})
        self.headers = dict(headers or {})


# Arguments of every error, which are no values in a sentence.
OWN = frozenset({"self", "detail", "errors", "extra", "headers", "args", "kwargs"})


@cache
def _signature(initialize: Callable[..., None]) -> inspect.Signature:
    return inspect.signature(initialize)


def _kebab(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).lower()


def is_plain(value: object) -> bool:
    """Whether a value can stand in the parameters of an error."""
    return value is None or isinstance(value, str | int | float | UUID | Enum | datetime | timedelta)


def plain(value: Any) -> Any:
    """Values as JSON has them; lengths of time in seconds."""
    match value:
        case timedelta():
            return value.total_seconds()
        case datetime():
            return value.isoformat()
        case UUID():
            return str(value)
        case Enum():
            return value.name.lower()
    return value


class BadRequest(DInsightError):
    status, title, code = 400, "Bad request", "bad-request"


class Unauthenticated(DInsightError):
    status, title, code = 401, "Not signed in", "unauthenticated"


class Forbidden(DInsightError):
    status, title, code = 403, "Not allowed", "forbidden"


class NotFound(DInsightError):
    status, title, code = 404, "Not found", "not-found"


class Conflict(DInsightError):
    status, title, code = 409, "Conflict", "conflict"


class PayloadTooLarge(DInsightError):
    status, title, code = 413, "Too large", "too-large"


class UnsupportedMediaType(DInsightError):
    status, title, code = 415, "Unsupported media type", "unsupported-media-type"


class Unprocessable(DInsightError):
    status, title, code = 422, "Invalid payload", "invalid-payload"


class TooManyRequests(DInsightError):
    status, title, code = 429, "Too many requests", "too-many-requests"


class BadGateway(DInsightError):
    status, title, code = 502, "Bad gateway", "bad-gateway"


# Long enough for a supervisor to restart a program, and short enough for a person to wait.
RETRY_AFTER_SECONDS = 2


class Unavailable(DInsightError):
    """A dependency is unavailable at the moment. Nothing was changed."""

    status, title, code = 503, "Unavailable", "unavailable"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})
