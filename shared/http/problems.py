"""Errors as `application/problem+json` (RFC 9457): the one renderer."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import asyncpg
import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from opentelemetry import trace
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from shared.errors import DInsightError, FieldError
from shared.postgres.connection import TRANSIENT_DATABASE_ERRORS

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = "2"
METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
logger = structlog.get_logger(__name__)


class ProblemField(BaseModel):
    pointer: str = Field(description="JSON pointer to the field", examples=["/body/name"])
    detail: str


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(examples=["urn:dinsight:problem:not-found"])
    title: str
    status: int
    detail: str
    instance: str
    errors: list[ProblemField] = []


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI declarations of the problems that a route may answer."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {s: {"description": "Problem", "content": {MEDIA_TYPE: {"schema": schema}}} for s in statuses}


def render(
    request: Request,
    status: int,
    title: str,
    detail: str,
    *,
    code: str,
    errors: Sequence[FieldError] = (),
    extra: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    body: dict[str, Any] = {
        "type": f"urn:dinsight:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": request.url.path,
        "errors": [{"pointer": error.pointer, "detail": error.detail} for error in errors],
        **(extra or {}),
    }
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        body["trace_id"] = trace.format_trace_id(context.trace_id)
    return Response(orjson.dumps(body), status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def pointer(error: Mapping[str, Any], body: Any) -> str:
    """The RFC 6901 pointer of one of pydantic's errors: a place in the request, or a field that it lacks."""
    parts = list(error["loc"])
    if parts[0] == "body" and isinstance(body, dict | list):
        parts[1:] = _places(error, body)
    return "/" + "/".join(str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def _places(error: Mapping[str, Any], body: Any) -> Iterator[str | int]:
    """The location without the names of union members, which pydantic adds and the body does not have."""
    here = body
    for part in error["loc"][1:]:
        if part in (here if isinstance(here, dict) else range(len(here)) if isinstance(here, list) else ()):
            here = here[part]
            yield part
    if error["type"] == "missing":
        yield error["loc"][-1]


def install(app: FastAPI) -> None:
    """Answer every error of the application as a problem."""

    @app.exception_handler(DInsightError)
    async def known(request: Request, error: DInsightError) -> Response:
        return render(
            request,
            error.status,
            error.title,
            error.detail,
            code=error.code,
            errors=error.errors,
            extra=error.extra,
            headers=error.headers,
        )

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        fields = [FieldError(pointer(e, error.body), e["msg"]) for e in error.errors()]
        if any(e["type"] == "json_invalid" for e in error.errors()):
            return render(
                request, 400, "Bad request", "The body is not valid JSON.", code="bad-request", errors=fields
            )
        detail = f"{len(fields)} field(s) are not valid; see errors."
        return render(request, 422, "Invalid payload", detail, code="invalid-payload", errors=fields)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = ", ".join(_allowed(app, request))
        return render(
            request,
            error.status_code,
            str(error.detail),
            f"{request.method} {request.url.path}: {error.detail}.",
            code=str(error.detail).lower().replace(" ", "-"),
            headers=headers,
        )

    async def unstorable(request: Request, _error: Exception) -> Response:
        detail = "A text holds a character that cannot be stored, such as U+0000 or half a surrogate pair."
        return render(request, 422, "Invalid payload", detail, code="invalid-payload")

    async def away(request: Request, error: Exception) -> Response:
        logger.error("server away", path=request.url.path, error=f"{type(error).__name__}: {error}")
        detail = "A server that this needs does not answer at the moment. Try again shortly."
        return render(
            request, 503, "Unavailable", detail, code="unavailable", headers={"Retry-After": RETRY_SECONDS}
        )

    for unstorable_error in (asyncpg.CharacterNotInRepertoireError, UnicodeEncodeError):
        app.add_exception_handler(unstorable_error, unstorable)
    for away_error in TRANSIENT_DATABASE_ERRORS:
        app.add_exception_handler(away_error, away)

    @app.exception_handler(Exception)
    async def unknown(request: Request, error: Exception) -> Response:
        logger.error("unhandled error", path=request.url.path, exc_info=error)
        detail = "Something went wrong on our side. It is logged; quote the trace id when you report it."
        return render(request, 500, "Internal error", detail, code="internal")


def _allowed(app: FastAPI, request: Request) -> list[str]:
    """Every method of the address: the framework names those of the first route alone."""
    return [
        method
        for method in METHODS
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL for route in app.router.routes
        )
    ]
