"""A program with an API key, through the gateway, on the whole platform."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import httpx2
import pytest

from tests.e2e.plant import Plant, eventually
from tests.stack import Stack
from tests.support.tables import as_csv, spectra


@pytest.fixture
def organization(plant: Plant) -> str:
    return str(plant.get("/organizations")["items"][0]["id"])


@pytest.fixture
def key(plant: Plant, organization: str) -> dict[str, Any]:
    return plant.post(f"/organizations/{organization}/api-keys", {"name": "historian", "role": "operator"})


@pytest.fixture
def program(stack: Stack, key: dict[str, Any]) -> Iterator[httpx2.Client]:
    headers = {"X-API-Key": key["key"]}
    with httpx2.Client(base_url=f"{stack.gateway_url}/api/v1", headers=headers, timeout=60) as client:
        yield client


def test_a_key_works_wherever_its_role_permits(
    plant: Plant, program: httpx2.Client, key: dict[str, Any], organization: str
) -> None:
    machine = program.post("/machines", json={"name": "Rig"})
    assert machine.status_code == 201, machine.text
    machine_id = machine.json()["id"]
    with program.stream("GET", "/stream?types=upload.received") as stream:
        lines = stream.iter_lines()
        assert next(lines) == ": connected"
        files = [("files", ("normal.csv", as_csv(spectra(60, seed=5)), "text/csv"))]
        fields = {"machine_id": machine_id, "analysis_type": "baseline"}
        upload = program.post("/analyses", data=fields, files=files)
        assert upload.status_code == 202, upload.text
        told = next(json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: "))
        assert told["data"]["machine_id"] == machine_id
    plant.completed(upload.json()["id"])
    for path in ("/machines", "/configs/current", "/anomalies", "/alert-rules", "/alerts", "/organizations"):
        assert program.get(path).status_code == 200, path
    # Operations that its role does not permit, and operations for users only.
    assert program.get("/audit-logs").status_code == 403
    assert program.get("/users/me").status_code == 403
    assert program.get(f"/organizations/{organization}/api-keys").status_code == 403

    def trail() -> list[dict[str, Any]]:
        entries = plant.all("/audit-logs", api_key_id=key["id"])
        return entries if {"machine.created"} <= {entry["action"] for entry in entries} else []

    entries = eventually(trail, seconds=30, what="the trail")
    me = plant.get("/users/me")["id"]
    assert {entry["user_id"] for entry in entries} == {me}
    assert {UUID(entry["api_key_id"]) for entry in entries} == {UUID(key["id"])}


def test_a_key_beside_a_token_is_refused(plant: Plant, program: httpx2.Client) -> None:
    assert program.get("/machines", headers=plant.headers).status_code == 400


def test_a_malformed_encryption_key_is_refused(program: httpx2.Client, key: dict[str, Any]) -> None:
    wrong = key["key"][:-1] + ("0" if key["key"][-1] != "0" else "1")
    response = program.get("/machines", headers={"X-API-Key": wrong})
    assert response.status_code == 401
    assert wrong not in response.text
