"""The docs page and the words it finds for schemas."""

from typing import Any

import pytest

from services.gateway.docs.describe import Field, Schemas
from services.gateway.docs.page import DocsPage

DOCUMENT: dict[str, Any] = {
    "paths": {
        "/api/v1/machines/{machine_id}": {
            "patch": {
                "operationId": "update_machine",
                "summary": "Change <b>a machine</b>",
                "description": "Send `name` <i>only</i>.",
                "tags": ["machines"],
                "security": [{"bearer": []}],
                "parameters": [
                    {"name": "machine_id", "in": "path", "required": True, "schema": {"format": "uuid"}}
                ],
                "requestBody": {
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Change"}}}
                },
                "responses": {"200": {"description": "The machine"}},
            }
        },
        "/api/v1/analyses": {
            "post": {
                "summary": "Upload",
                "requestBody": {
                    "content": {
                        "multipart/form-data": {
                            "schema": {
                                "type": "object",
                                "required": ["files"],
                                "properties": {
                                    "files": {
                                        "type": "array",
                                        "items": {"type": "string", "format": "binary"},
                                    }
                                },
                            }
                        }
                    }
                },
            }
        },
    },
    "components": {
        "schemas": {
            "Change": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string", "examples": ["Pump 7's"], "maxLength": 9},
                    "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Part"}},
                },
            },
            "Part": {"properties": {"parent": {"$ref": "#/components/schemas/Part"}}},
            "State": {"enum": ["on", "off"]},
        }
    },
}


def ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "string", "format": "uuid"}, "string (uuid)"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "integer or null"),
        ({"type": "array", "items": ref("Part")}, "list of Part"),
        (ref("State"), "on | off"),
        ({}, "anything"),
        (ref("Nothing"), "Nothing"),
    ],
)
def test_types_in_words(schema: dict[str, Any], words: str) -> None:
    assert Schemas(DOCUMENT).kind(schema) == words


def test_fields_of_models_in_models_and_no_endless_recursion() -> None:
    fields = list(Schemas(DOCUMENT).fields(ref("Change")))
    assert fields[0] == Field("name", 0, "string", True, "length at most 9")
    assert fields[1].kind == "list of Part"
    assert [field.depth for field in fields[2:]] == [1, 2, 3, 4, 5]


def test_the_page_shows_each_operation_and_escapes_what_it_shows() -> None:
    page = DocsPage(DOCUMENT, "http://localhost:8000/").html()
    assert 'id="update_machine"' in page
    assert "Change &lt;b&gt;a machine&lt;/b&gt;" in page
    assert "<b>a machine" not in page
    assert "Send <code>name</code> &lt;i&gt;only&lt;/i&gt;." in page
    assert "{{" not in page


def test_curl_lines_can_be_pasted() -> None:
    page = DocsPage(DOCUMENT, "http://localhost:8000/").html()
    assert "curl -X PATCH &#x27;http://localhost:8000/api/v1/machines/{machine_id}&#x27;" in page
    assert "Authorization: Bearer $TOKEN" in page
    assert "-F files=@samples.csv" in page
    assert page.count("Authorization: Bearer $TOKEN") == 1


def test_a_service_that_is_away_is_named() -> None:
    assert "Not reachable now: alerting." in DocsPage({"x-missing": ["alerting"]}, "http://x").html()
