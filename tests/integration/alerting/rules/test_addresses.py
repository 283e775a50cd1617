"""Addresses of webhooks: whole for administrators, reduced to their host for everybody below."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from fastapi import FastAPI

from shared.access import Role
from shared.events.analysis import ANOMALY_DETECTED
from shared.events.auth import AUDIT_RECORDED
from tests.integration.alerting.conftest import FakeMachines
from tests.integration.alerting.publishing import Publisher
from tests.support.records import reading
from tests.support.tokens import TokenIssuer
from tests.support.waiting import eventually
from tests.unit.alerting.examples import SECRET, actions, anomaly, condition

HOST = "http://127.0.0.1:9"
PATH, QUERY = "/a-path-that-is-a-key", "?key=another"


def reads(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """All reading operations but those of a rotation, which has no addresses: id and path."""
    for path, methods in document["paths"].items():
        if "get" in methods and "{rotation_id}" not in path:
            yield str(methods["get"]["operationId"]), path


@pytest.fixture
async def places(
    api: httpx2.AsyncClient,
    application: FastAPI,
    tokens: TokenIssuer,
    organization: UUID,
    publisher: Publisher,
    machines: FakeMachines,
) -> dict[str, str]:
    """The paths of all reading operations by id, for a rule with a webhook and an alert with a delivery."""
    admin = tokens.headers(organization, Role.ADMIN)
    machine_id = machines.add(organization)
    body = {
        "machine_id": str(machine_id),
        "name": "R",
        "condition": condition(),
        "severity": "low",
        "actions": actions(url=HOST + PATH + QUERY),
    }
    made = await api.post("/api/v1/alert-rules", json=body, headers=admin)
    assert made.status_code == 201, made.text
    assert PATH + QUERY in made.text
    changed = await api.patch(
        f"/api/v1/alert-rules/{made.json()['id']}", json={"actions": body["actions"]}, headers=admin
    )
    assert PATH + QUERY in changed.text
    await publisher.publish(ANOMALY_DETECTED, anomaly(machine_id), organization)

    async def alert_id() -> str:
        items = (await api.get("/api/v1/deliveries", headers=admin)).json()["items"]
        return str(items[0]["alert_id"]) if items else ""

    template = {name: value for name, value in body.items() if name != "machine_id"} | {"selector": {}}
    made_template = await api.post("/api/v1/rule-templates", json=template, headers=admin)
    assert PATH + QUERY in made_template.text
    budget = {"max_alerts": 2, "starts_at": "22:00", "ends_at": "06:00", "time_zone": "UTC"}
    assert (await api.put("/api/v1/alert-budget", json=budget, headers=admin)).status_code == 200
    point = {"name": "plant", "target": {"kind": "webhook", "url": HOST + PATH + QUERY, "secrets": [SECRET]}}
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    start = {"starts": "2026-01-01T00:00:00", "time_zone": "UTC"}
    resources = {
        "contact_point_id": ("contact-points", point),
        "silence_id": ("silences", {"name": "S", "reason": "R", "matcher": {}, "ends_at": tomorrow}),
        "window_id": (
            "maintenance-windows",
            {"name": "W", "reason": "R", "matcher": {}, "duration": "PT1H", "rule": "FREQ=WEEKLY", **start},
        ),
    }
    made_resources = {}
    for name, (path, document) in resources.items():
        answer = await api.post(f"/api/v1/{path}", json=document, headers=admin)
        assert answer.status_code == 201, answer.text
        made_resources[name] = answer.json()["id"]
    ids = {
        **made_resources,
        "rule_id": made.json()["id"],
        "template_id": made_template.json()["id"],
        "alert_id": await eventually(alert_id, what="a delivery of the alert"),
    }
    return {operation: path.format(**ids) for operation, path in reads(application.openapi())}


@pytest.mark.parametrize("role", list(Role))
async def test_only_administrators_see_the_path_of_a_webhook(
    api: httpx2.AsyncClient, tokens: TokenIssuer, organization: UUID, places: dict[str, str], role: Role
) -> None:
    headers = tokens.headers(organization, role)
    answers = {operation: await api.get(path, headers=headers) for operation, path in places.items()}
    assert {answer.status_code for answer in answers.values()} == {200}
    showing = {operation for operation, answer in answers.items() if HOST in answer.text}
    documents = {"list_alert_rules", "get_alert_rule", "list_rule_templates", "get_rule_template"}
    points = {"list_contact_points", "get_contact_point"}
    ledger = {"get_alert", "get_alert_timeline", "list_alert_deliveries", "list_deliveries"}
    assert showing == documents | points | ledger
    whole = {operation for operation, answer in answers.items() if PATH in answer.text}
    with_query = {operation for operation, answer in answers.items() if QUERY in answer.text}
    if role >= Role.ADMIN:
        assert whole == with_query == documents | points
    else:
        assert whole == with_query == set()


async def test_the_audit_trail_contains_hosts_only(places: dict[str, str], bootstrap: str) -> None:
    rule_id = UUID(places["get_alert_rule"].rpartition("/")[2])
    async with reading(bootstrap, AUDIT_RECORDED) as reader:
        entries = await reader.wait_for(AUDIT_RECORDED, 2, resource_id=rule_id)
    assert [entry.payload.action for entry in entries] == ["alert_rule.created", "alert_rule.updated"]
    for entry in entries:
        assert HOST in str(entry.payload.changes)
        assert PATH not in str(entry.payload.changes)
