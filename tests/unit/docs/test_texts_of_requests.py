"""Texts of requests have a pattern, a format or a list of values: none holds what no database can store."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
# Looked up, decoded, or checked as part of a document; and what is read as a form or a query.
READ_BY_CODE = frozenset(
    {
        "LinkToken.token",
        "LinkAcknowledge.token",
        "ConfirmationToken.token",
        "AlertBudgetBody.time_zone",
        "MaintenanceWindowCreate.time_zone",
        "MaintenanceWindowUpdate.time_zone",
        "CalendarImport.time_zone",
        "RotationCreate.time_zone",
        "RotationUpdate.time_zone",
        "ScheduleDocument.tz",
        "FeatureLeaf.feature",
        "ActionsDocument.runbook_url",
    }
)
BOUNDED = frozenset({"pattern", "enum", "format", "const"})


def test_every_text_of_a_request_can_be_stored() -> None:
    document = json.loads((ROOT / "docs/openapi.json").read_text(encoding="utf-8"))
    schemas = document["components"]["schemas"]
    seen: set[str] = set()

    def free(schema: Mapping[str, Any], place: str) -> Iterator[str]:
        name = schema.get("$ref", "").rpartition("/")[2]
        if name and name not in seen:
            seen.add(name)
            yield from free(schemas[name], name)
        if schema.get("type") == "string" and not BOUNDED & schema.keys():
            yield place
        for field, inner in schema.get("properties", {}).items():
            yield from free(inner, f"{place}.{field}")
        for key in ("items", "additionalProperties", "propertyNames"):
            if isinstance(schema.get(key), dict):
                yield from free(schema[key], place)
        for key in ("anyOf", "oneOf", "allOf", "prefixItems"):
            for inner in schema.get(key, ()):
                yield from free(inner, place)

    bodies = [
        body["schema"]
        for operations in document["paths"].values()
        for operation in operations.values()
        for kind, body in operation.get("requestBody", {}).get("content", {}).items()
        if kind == "application/json"
    ]
    assert len(bodies) > 30
    assert {place for body in bodies for place in free(body, "")} == READ_BY_CODE
