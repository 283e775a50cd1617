"""The application whose OpenAPI document says only what can be sent."""

from typing import Any

from fastapi import FastAPI

from shared.http.fields import without_null
from shared.http.problems import problem_responses


class Application(FastAPI):
    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = tidied(super().openapi())
        return self.openapi_schema


def tidied(document: dict[str, Any]) -> dict[str, Any]:
    """The document without what no client can send, and with what FastAPI leaves unsaid."""
    for operations in document.get("paths", {}).values():
        for operation in operations.values():
            # Said of every operation: open to everybody unless something is asked for.
            operation.setdefault("security", [])
            # Every operation refuses query parameters that it does not have.
            operation["responses"].setdefault("422", problem_responses(422)[422])
            for parameter in operation.get("parameters", ()):
                # An address and a header hold text; what is not given is left out.
                parameter["schema"] = without_null(parameter["schema"])
    for model in document.get("components", {}).get("schemas", {}).values():
        for name, schema in model.get("properties", {}).items():
            model["properties"][name] = _plain(schema)
    return document


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """The same schema without a null for a default that cannot be sent, and without a choice of one."""
    if schema.get("default", ...) is None and not _admits_null(schema):
        schema = {name: value for name, value in schema.items() if name != "default"}
    match schema:
        case {"oneOf": [only], **rest}:
            return {**only, **rest}
    return schema


def _admits_null(schema: dict[str, Any]) -> bool:
    return any(alternative.get("type") == "null" for alternative in schema.get("anyOf", ()))
