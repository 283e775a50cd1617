"""Errors as `application/problem+json` (RFC 9457): the one renderer."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

import asyncpg
import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from opentelemetry import trace
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.responses import Response
from starlette.routing import Match

from shared.errors import (
    BadRequest,
    DInsightError,
    FieldError,
    Unavailable,
    Unprocessable,
    is_plain,
    json_pointer,
    plain,
)
from shared.http.static_paths import StaticPaths
from shared.postgres.connection import TRANSIENT_DATABASE_ERRORS

MEDIA_TYPE = "application/problem+json"
METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
logger = structlog.get_logger(__name__)


class ProblemField(BaseModel):
    pointer: str = Field(description="JSON pointer to the field", examples=["/body/name"])
    detail: str
    code: str = Field(description="What is wrong, as a stable name", examples=["string_too_long"])
    params: dict[str, Any] = Field(
        description="The values in `detail`, by name", examples=[{"max_length": 255}]
    )


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(examples=["urn:dinsight:problem:not-found"])
    title: str
    status: int
    detail: str
    code: str = Field(
        description="What exactly went wrong, as a stable name: `detail` may be reworded",
        examples=["wrong-credentials"],
    )
    params: dict[str, Any] = Field(description="The values in `detail`, by name", examples=[{"limit": 100}])
    instance: str
    errors: list[ProblemField] = []


def problem_schemas() -> dict[str, Any]:
    """The JSON schemas of a problem and its parts, by name, for an OpenAPI document."""
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    parts = schema.pop("$defs")
    return {"Problem": schema, **parts}


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI declarations of the problems that a route may respond with."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {s: {"description": "Problem", "content": {MEDIA_TYPE: {"schema": schema}}} for s in statuses}


def document(error: DInsightError, instance: str) -> bytes:
    """The JSON of an error; `instance` is the path of the request."""
    return _document(
        error.status,
        error.title,
        error.detail,
        error.code,
        instance,
        reason_code=error.reason_code,
        params=error.params,
        errors=error.errors,
        extra=error.extra,
    )


def render(request: Request, error: DInsightError) -> Response:
    return Response(document(error, request.url.path), error.status, error.headers, MEDIA_TYPE)


async def _known(request: Request, error: DInsightError) -> Response:
    return render(request, error)


async def _invalid(request: Request, error: RequestValidationError) -> Response:
    fields = [field_error(pointer(e, error.body), e) for e in error.errors()]
    if any(e["type"] == "json_invalid" for e in error.errors()):
        return render(request, BadRequest("The body is not valid JSON.", errors=fields))
    return render(request, Unprocessable(f"{len(fields)} field(s) are invalid; see errors.", errors=fields))


async def _http(request: Request, error: HTTPException) -> Response:
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_allowed(request))
    title, path = str(error.detail), request.url.path
    code, detail = title.lower().replace(" ", "-"), f"{request.method} {path}: {title}."
    return Response(
        _document(error.status_code, title, detail, code, path), error.status_code, headers, MEDIA_TYPE
    )


async def _unstorable(request: Request, _error: Exception) -> Response:
    detail = "A text contains a character that cannot be stored, such as U+0000 or half of a surrogate pair."
    return render(request, Unprocessable(detail))


async def _away(request: Request, error: Exception) -> Response:
    logger.error("server not available", path=request.url.path, error=f"{type(error).__name__}: {error}")
    detail = "A required server is not available at the moment. Try again shortly."
    return render(request, Unavailable(detail))


async def _unknown(request: Request, error: Exception) -> Response:
    logger.error("unhandled error", path=request.url.path, exc_info=error)
    detail = "Something went wrong on our side and was logged. Quote the trace id when you report it."
    return render(request, DInsightError(detail))


# By class of error; the nearest base class decides.
HANDLERS: Mapping[type[Exception], Callable[[Request, Any], Awaitable[Response]]] = {
    DInsightError: _known,
    RequestValidationError: _invalid,
    HTTPException: _http,
    **dict.fromkeys(
        (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError, UnicodeEncodeError),
        _unstorable,
    ),
    **dict.fromkeys(TRANSIENT_DATABASE_ERRORS, _away),
}


def install(app: FastAPI) -> None:
    """Respond to every error of the application's routes with a problem."""
    for kind, handler in {**HANDLERS, Exception: _unknown}.items():
        app.add_exception_handler(kind, handler)


def middleware() -> Middleware:
    """Responds to errors of the middleware inside it as to errors of a route."""
    return Middleware(ExceptionMiddleware, handlers=HANDLERS)


def field_error(pointer: str, error: Mapping[str, Any]) -> FieldError:
    """One of pydantic's errors. Its type is the code, and what it holds besides are the parameters."""
    params = {name: plain(value) for name, value in error.get("ctx", {}).items() if is_plain(value)}
    return FieldError(pointer, error["msg"], error["type"], params)


def pointer(error: Mapping[str, Any], body: Any) -> str:
    """The RFC 6901 pointer of one of pydantic's errors: a place in the request, or a missing field."""
    parts = list(error["loc"])
    if parts[0] == "body" and isinstance(body, dict | list):
        parts[1:] = _places(error, body)
    return json_pointer(*parts)


def _places(error: Mapping[str, Any], body: Any) -> Iterator[str | int]:
    """The location without the names of union members, which pydantic adds and the body lacks."""
    here = body
    for part in error["loc"][1:]:
        if part in (here if isinstance(here, dict) else range(len(here)) if isinstance(here, list) else ()):
            here = here[part]
            yield part
    if error["type"] == "missing":
        yield error["loc"][-1]


def _document(
    status: int,
    title: str,
    detail: str,
    code: str,
    instance: str,
    *,
    reason_code: str | None = None,
    params: Mapping[str, Any] | None = None,
    errors: Sequence[FieldError] = (),
    extra: Mapping[str, Any] | None = None,
) -> bytes:
    body: dict[str, Any] = {
        "type": f"urn:dinsight:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": reason_code or code,
        "params": dict(params or {}),
        "instance": instance,
        "errors": [_field(each) for each in errors],
        **(extra or {}),
    }
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        body["trace_id"] = trace.format_trace_id(context.trace_id)
    return orjson.dumps(body)


def _field(error: FieldError) -> Mapping[str, Any]:
    params = dict(error.params)
    return {"pointer": error.pointer, "detail": error.detail, "code": error.code, "params": params}


def _allowed(request: Request) -> list[str]:
    """All methods of the path: the framework names only those of the first matching route."""
    return [method for method in METHODS if _allows(request, method)]


def _allows(request: Request, method: str) -> bool:
    scope = {**request.scope, "method": method}
    matching = (route for route in request.app.router.routes if route.matches(scope)[0] is Match.FULL)
    first = next(matching, None)
    return first is not None and not isinstance(first, StaticPaths)
