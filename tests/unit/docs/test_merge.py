"""Merging the services' documents."""

from typing import Any

from openapi_spec_validator import validate

from docs.merge import TAGS, merge
from shared.http.problems import problem_schemas

OK = {"description": "ok"}


def ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def operation(name: str, schema: str, tag: str) -> dict[str, Any]:
    content = {"application/json": {"schema": ref(schema)}}
    return {"operationId": name, "tags": [tag], "responses": {"200": OK | {"content": content}}}


def document(paths: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    return {
        "openapi": "3.1.0",
        "info": {"title": "x", "version": "1"},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def merged(**documents: dict[str, Any]) -> dict[str, Any]:
    result = merge(documents, shared_components={"schemas": problem_schemas()})
    validate(result)
    return result


def schema_of(result: dict[str, Any], path: str) -> str:
    content = result["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
    return str(content["schema"]["$ref"].rpartition("/")[2])


def test_operations_tags_and_components_come_together() -> None:
    same = {"type": "object", "properties": {"id": {"type": "string"}}}
    result = merged(
        machines=document(
            {"/api/v1/machines": {"get": operation("a", "Thing", "machines")}}, {"Thing": same}
        ),
        alerting=document({"/api/v1/alerts": {"get": operation("b", "Thing", "alerts")}}, {"Thing": same}),
    )
    assert list(result["paths"]) == ["/api/v1/alerts", "/api/v1/machines"]
    assert result["tags"] == [{"name": name, "description": TAGS[name]} for name in ("alerts", "machines")]
    assert set(result["components"]["schemas"]) == {"Thing", "Problem", "ProblemField"}
    assert result["components"]["securitySchemes"] == {"bearer": {"type": "http", "scheme": "bearer"}}


def test_one_name_for_two_things_becomes_two_names() -> None:
    result = merged(
        machines=document(
            {"/api/v1/machines": {"get": operation("a", "Thing", "machines")}}, {"Thing": {"type": "string"}}
        ),
        alerting=document(
            {"/api/v1/alerts": {"get": operation("b", "Thing", "alerts")}}, {"Thing": {"type": "integer"}}
        ),
    )
    schemas = result["components"]["schemas"]
    assert schemas[schema_of(result, "/api/v1/machines")] == {"type": "string"}
    assert schemas[schema_of(result, "/api/v1/alerts")] == {"type": "integer"}
    assert "Thing" not in schemas


def test_a_page_of_things_that_differ_differs_too() -> None:
    page = {"type": "array", "items": ref("Thing")}
    result = merged(
        machines=document(
            {"/api/v1/machines": {"get": operation("a", "Page", "machines")}},
            {"Page": page, "Thing": {"type": "string"}},
        ),
        alerting=document(
            {"/api/v1/alerts": {"get": operation("b", "Page", "alerts")}},
            {"Page": page, "Thing": {"type": "integer"}},
        ),
    )
    schemas = result["components"]["schemas"]
    items = schemas[schema_of(result, "/api/v1/alerts")]["items"]["$ref"].rpartition("/")[2]
    assert schemas[items] == {"type": "integer"}


def test_a_services_different_problem_schema_gets_its_own_name() -> None:
    result = merged(
        machines=document(
            {"/api/v1/machines": {"get": operation("a", "Problem", "machines")}},
            {"Problem": {"type": "string"}},
        )
    )
    assert schema_of(result, "/api/v1/machines") == "MachinesProblem"
    assert result["components"]["schemas"]["Problem"]["properties"]["detail"]


def test_a_path_is_taken_from_the_service_that_answers_it() -> None:
    thing = {"Thing": {"type": "string"}}
    health = "/api/v1/machines/{machine_id}/health"
    parameters = [{"name": "machine_id", "in": "path", "required": True, "schema": {"type": "string"}}]
    result = merged(
        machines=document(
            {health: {"parameters": parameters, "get": operation("wrong", "Thing", "machines")}}, thing
        ),
        analysis=document(
            {health: {"parameters": parameters, "get": operation("right", "Thing", "machines")}}, thing
        ),
    )
    assert result["paths"][health]["get"]["operationId"] == "right"
