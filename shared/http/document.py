"""A FastAPI application with a precise OpenAPI document, whose lists can be had as CSV."""

import asyncio
from typing import Any

from fastapi import APIRouter, FastAPI

from shared.http.csv_lists import MAX_PAGES_AT_ONCE, offer_csv
from shared.http.fields import without_null
from shared.http.problems import problem_responses
from shared.http.standing import Standing
from shared.http.static_paths import StaticPaths


class Application(FastAPI):
    def __init__(self, *, standing: Standing | None = None, **options: Any) -> None:
        self._reading_files = asyncio.Semaphore(MAX_PAGES_AT_ONCE)
        super().__init__(**options)
        self.state.standing = standing or Standing()
        self._static_paths = StaticPaths()
        self.router.routes.insert(0, self._static_paths)

    def include_router(self, router: APIRouter, *args: Any, **options: Any) -> None:
        offer_csv(router, self._reading_files)
        self._static_paths.add(router.routes)
        super().include_router(router, *args, **options)

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = tidied(super().openapi())
        return self.openapi_schema


def tidied(document: dict[str, Any]) -> dict[str, Any]:
    """The document without values that no client can send, and with facts that FastAPI leaves out."""
    for operations in document.get("paths", {}).values():
        for operation in operations.values():
            # Explicit for every operation: an empty list means that no credentials are needed.
            operation.setdefault("security", [])
            # Every operation refuses unknown query parameters.
            operation["responses"].setdefault("422", problem_responses(422)[422])
            if any(parameter["in"] == "query" for parameter in operation.get("parameters", ())):
                operation["responses"].setdefault("414", problem_responses(414)[414])
            for parameter in operation.get("parameters", ()):
                # A query and a header hold text; a missing value is left out and never null.
                parameter["schema"] = without_null(parameter["schema"])
    for model in document.get("components", {}).get("schemas", {}).values():
        for name, schema in model.get("properties", {}).items():
            model["properties"][name] = _plain(schema)
    return document


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """The same schema without a null default that cannot be sent, and without a union of one."""
    if schema.get("default", ...) is None and not _admits_null(schema):
        schema = {name: value for name, value in schema.items() if name != "default"}
    match schema:
        case {"oneOf": [only], **rest}:
            return {**only, **rest}
    return schema


def _admits_null(schema: dict[str, Any]) -> bool:
    return any(alternative.get("type") == "null" for alternative in schema.get("anyOf", ()))
