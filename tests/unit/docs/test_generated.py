"""The generated documents match the code and are valid."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from docs import generate
from docs.merge import METHODS
from services.gateway.routing import OPEN, find
from shared.access import MIN_ROLE, Permission, Role
from shared.events.registry import TOPICS
from tests.unit.deploy.programs import ROOT
from tests.unit.shared.examples import EXAMPLES

DOCS = ROOT / "docs"


def committed(name: str) -> Any:
    return json.loads((DOCS / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    return generate.openapi()


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for child in node.values():
            yield from references(child)
    elif isinstance(node, list):
        for child in node:
            yield from references(child)


def resolve(document: Any, reference: str) -> Any:
    found = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part.replace("~1", "/").replace("~0", "~")]
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield method, path, item[method]


# The merged OpenAPI document


def test_the_committed_openapi_document_is_current(openapi: dict[str, Any]) -> None:
    assert committed("openapi.json") == json.loads(generate.plain_json(openapi))


def test_it_is_valid_openapi(openapi: dict[str, Any]) -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(openapi).iter_errors()] == []


def test_no_service_is_missing(openapi: dict[str, Any]) -> None:
    owners = {rule.service for path in openapi["paths"] if (rule := find(path))}
    assert {owner.value for owner in owners} == {"auth", "machines", "analysis", "alerting"}


def test_operations_have_unique_names_summaries_and_tags(openapi: dict[str, Any]) -> None:
    found = list(operations(openapi))
    names = [operation["operationId"] for _, _, operation in found]
    assert len(set(names)) == len(names)
    assert [
        (m, p) for m, p, operation in found if not (operation.get("summary") and operation.get("tags"))
    ] == []


def test_every_operation_says_how_it_can_fail(openapi: dict[str, Any]) -> None:
    """And does so with problems (RFC 9457)."""
    for method, path, operation in operations(openapi):
        failures = {status: answer for status, answer in operation["responses"].items() if status >= "4"}
        assert failures, (method, path)
        for answer in failures.values():
            content = resolve(openapi, answer["$ref"]) if "$ref" in answer else answer
            assert list(content["content"]) == ["application/problem+json"], (method, path)


def test_every_operation_says_who_may_call_it(openapi: dict[str, Any]) -> None:
    """The operations without credentials are those that the gateway passes without."""
    assert all("security" in operation for _, _, operation in operations(openapi))
    without = {(method.upper(), path) for method, path, each in operations(openapi) if not each["security"]}
    assert without == OPEN


ACCOUNT = ("/api/v1/users", "/api/v1/installation")


def test_people_and_programs_have_their_schemes(openapi: dict[str, Any]) -> None:
    """API keys work wherever tokens do, except for accounts and the membership of organizations."""
    schemes = openapi["components"]["securitySchemes"]
    kinds = {name: (scheme["type"], scheme.get("name")) for name, scheme in schemes.items()}
    bearer = [name for name, kind in kinds.items() if kind == ("http", None)]
    key = [name for name, kind in kinds.items() if kind == ("apiKey", "X-API-Key")]
    assert (len(bearer), len(key)) == (1, 1)
    wrong = []
    for method, path, operation in operations(openapi):
        offered = {name for option in operation.get("security", ()) for name in option}
        decides = path.startswith("/api/v1/organizations") and method != "get"
        personal = path.startswith(ACCOUNT) or decides
        if offered and offered != (set(bearer) if personal else {*bearer, *key}):
            wrong.append((method, path, offered))
    assert wrong == []


# The AsyncAPI document


def test_the_committed_asyncapi_document_is_current() -> None:
    assert committed("asyncapi.json") == json.loads(generate.plain_json(generate.asyncapi()))


def test_asyncapi_has_the_structure_of_version_3() -> None:
    document = generate.asyncapi()
    assert document["asyncapi"] == "3.0.0"
    assert document["info"].keys() >= {"title", "version"}
    for name, channel in document["channels"].items():
        assert channel["address"] == name
        assert channel["messages"]
        for message in channel["messages"].values():
            assert message.keys() >= {"headers", "payload"}
    for operation in document["operations"].values():
        assert operation["action"] in ("send", "receive")
        assert resolve(document, operation["channel"]["$ref"])


def test_asyncapi_has_every_topic_and_its_dead_letters() -> None:
    document = generate.asyncapi()
    named = {topic.name for topic in TOPICS}
    assert document["channels"].keys() == named | {topic.dead_letter for topic in TOPICS}
    sent = {operation["channel"]["$ref"] for operation in document["operations"].values()}
    assert sent == {f"#/channels/{name}" for name in named}


def test_references_resolve_in_asyncapi() -> None:
    document = generate.asyncapi()
    found = set(references(document))
    assert found
    for reference in found:
        assert reference.startswith("#/")
        assert resolve(document, reference) is not None


def test_schemas_are_valid_and_fit_the_examples() -> None:
    document = generate.asyncapi()
    for schema in document["components"]["schemas"].values():
        jsonschema_rs.meta.validate(schema)
    for topic in TOPICS:
        message = next(iter(document["channels"][topic.name]["messages"].values()))
        # Beside the components, so that its references resolve.
        schema = {**message["payload"], "components": document["components"]}
        payload = json.loads(EXAMPLES[topic.name].model_dump_json())
        assert list(jsonschema_rs.Draft202012Validator(schema).iter_errors(payload)) == []


# The matrix of roles


def test_the_matrix_in_the_security_page_is_current() -> None:
    page = (DOCS / "security.md").read_text(encoding="utf-8")
    assert generate.with_matrix(page) == page
    rows = [line.split("|")[1:-1] for line in page.splitlines() if line.startswith("| `")]
    assert [row[0].strip(" `") for row in rows] == list(Permission)
    for row in rows:
        least = MIN_ROLE[Permission(row[0].strip(" `"))]
        assert [cell.strip() == "yes" for cell in row[1:]] == [role >= least for role in sorted(Role)]


def test_a_page_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks a marker"):
        generate.with_matrix("# Security\n")


# The program


def test_check_reports_a_stale_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stale, new = tmp_path / "openapi.json", tmp_path / "new.json"
    stale.write_text("{}\n")
    wanted = [(stale, "{}\n"), (new, "1")]
    assert generate.main(["--check"], lambda: wanted) == 1
    assert "docs/new.json is outdated" in capsys.readouterr().err
    assert not new.exists()
    assert generate.main([], lambda: wanted) == 0
    assert new.read_text() == "1"
    assert generate.main(["--check"], lambda: wanted) == 0


def test_it_runs_as_a_module() -> None:
    asked = subprocess.run(
        [sys.executable, "-m", "docs.generate", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--check" in asked.stdout
