"""The alerting API on a real database and broker: rules, alerts and their events."""

from typing import Any
from uuid import UUID, uuid4

import httpx2

from shared.access import Role
from shared.events.alerting import ALERT_CHANGED, ALERT_RAISED
from shared.events.analysis import ANALYSIS_COMPLETED, ANALYSIS_FAILED, ANOMALY_DETECTED
from shared.events.auth import AUDIT_RECORDED
from shared.events.machines import MACHINE_CHANGED
from tests.integration.alerting.conftest import FakeMachines
from tests.integration.alerting.publishing import Publisher, machine_changed
from tests.support.records import reading
from tests.support.tokens import TokenIssuer
from tests.support.waiting import eventually
from tests.unit.alerting.examples import (
    SECRET,
    actions,
    anomaly,
    completed,
    condition,
    failed,
    leaf,
)

RULES = "/api/v1/alert-rules"
ALERTS = "/api/v1/alerts"


async def make_rule(
    api: httpx2.AsyncClient, headers: dict[str, str], machine_id: UUID, **fields: Any
) -> dict[str, Any]:
    body = {
        "machine_id": str(machine_id),
        "name": "Leaves normal",
        "condition": condition(),
        "severity": "medium",
    }
    response = await api.post(RULES, json=body | fields, headers=headers)
    assert response.status_code == 201, response.text
    return dict(response.json())


async def alerts_of(
    api: httpx2.AsyncClient, headers: dict[str, str], machine_id: UUID, **filters: str
) -> list[dict[str, Any]]:
    response = await api.get(ALERTS, params={"machine_id": str(machine_id), **filters}, headers=headers)
    assert response.status_code == 200, response.text
    return list(response.json()["items"])


async def alert_with_count(
    api: httpx2.AsyncClient, headers: dict[str, str], machine_id: UUID, count: int
) -> dict[str, Any]:
    async def there() -> dict[str, Any]:
        found = [a for a in await alerts_of(api, headers, machine_id) if a["count"] == count]
        return found[0] if found else {}

    return await eventually(there, what=f"an alert with count {count}")


async def test_an_anomaly_opens_one_alert_that_continues_and_is_resolved(
    api: httpx2.AsyncClient,
    tokens: TokenIssuer,
    organization: UUID,
    bootstrap: str,
    publisher: Publisher,
    machines: FakeMachines,
) -> None:
    user = uuid4()
    headers = tokens.headers(organization, user_id=user)
    machine_id = machines.add(organization)
    rule = await make_rule(
        api,
        headers,
        machine_id,
        condition=condition(severity=[{"level": "critical", "when": leaf(3)}]),
    )
    assert machines.asked.count(machine_id) == 1
    await make_rule(api, headers, machine_id, condition=condition(leaf(100)))
    assert machines.asked.count(machine_id) == 1, "fetched once, then replicated"

    first = anomaly(machine_id, 2.0)
    sent = await publisher.publish(ANOMALY_DETECTED, first, organization)
    alert = await alert_with_count(api, headers, machine_id, 1)
    assert alert["status"] == "active"
    assert alert["severity"] == "medium"
    assert alert["anomaly_id"] == str(first.anomaly_id)
    assert alert["summary"].startswith(
        "Pump 7: high anomaly at 2.00 times the threshold; most deviating: f_103"
    )

    place = f"{ALERTS}/{alert['id']}"
    acknowledged = await api.post(f"{place}/acknowledge", json={"note": "on it"}, headers=headers)
    assert acknowledged.json()["acknowledged_by"] == str(user)
    again = await api.post(f"{place}/acknowledge", headers=headers)
    assert again.json() == acknowledged.json(), "acknowledging is idempotent"

    await publisher.publish(ANOMALY_DETECTED, first, organization, event_id=sent.id)
    await publisher.publish(ANOMALY_DETECTED, anomaly(machine_id, 1.2), organization)
    await publisher.publish(ANOMALY_DETECTED, anomaly(machine_id, 3.5), organization)
    alert = await alert_with_count(api, headers, machine_id, 2)
    assert alert["severity"] == "critical"
    assert alert["worst_distance_ratio"] == 3.5
    assert alert["acknowledged_at"] is None, "a rise in severity revokes the acknowledgement"
    assert len(await alerts_of(api, headers, machine_id)) == 1

    resolved = await api.post(f"{place}/resolve", json={"note": "bearing changed"}, headers=headers)
    assert resolved.json()["status"] == "resolved"
    assert resolved.json()["resolve_note"] == "bearing changed"
    assert (await api.post(f"{place}/resolve", headers=headers)).json() == resolved.json()
    assert (await api.post(f"{place}/acknowledge", headers=headers)).status_code == 409

    await publisher.publish(ANOMALY_DETECTED, anomaly(machine_id, 1.6), organization)

    async def two() -> bool:
        return len(await alerts_of(api, headers, machine_id)) == 2

    await eventually(two, what="a second alert after the first was resolved")
    assert len(await alerts_of(api, headers, machine_id, status="resolved")) == 1
    assert len(await alerts_of(api, headers, machine_id, status="active", severity="medium")) == 1
    assert await alerts_of(api, headers, machine_id, severity="low") == []

    async with reading(bootstrap, ALERT_RAISED, ALERT_CHANGED, AUDIT_RECORDED) as reader:
        raised = await reader.wait_for(ALERT_RAISED, 2, machine_id=machine_id)
        assert len(raised) == 2
        assert {(e.organization_id, e.key) for e in raised} == {(organization, str(machine_id))}
        assert raised[0].payload.rule_name == rule["name"]
        changed = await reader.wait_for(ALERT_CHANGED, 3, alert_id=UUID(alert["id"]))
        assert [e.payload.change for e in changed] == ["acknowledged", "severity_changed", "resolved"]
        assert [e.payload.changed_by for e in changed] == [user, None, user]
        assert [e.payload.version for e in changed] == [2, 3, 4]
        assert changed[0].payload.acknowledged_by == user
        audited = await reader.wait_for(AUDIT_RECORDED, 2, resource_id=UUID(alert["id"]))
        assert [e.payload.action for e in audited] == ["alert.acknowledged", "alert.resolved"]


async def test_monitoring_runs_and_failed_analyses_open_alerts(
    api: httpx2.AsyncClient,
    tokens: TokenIssuer,
    organization: UUID,
    publisher: Publisher,
    machines: FakeMachines,
) -> None:
    headers = tokens.headers(organization)
    machine_id = machines.add(organization)
    when = {"any": [leaf(0.04, signal="anomaly.fraction"), leaf("failing", signal="health.state", op="eq")]}
    await make_rule(api, headers, machine_id, name="Run", condition=condition(when))
    broken = condition(leaf(True, signal="analysis.failed", op="eq"))
    await make_rule(api, headers, machine_id, name="Failed", condition=broken, severity="low")
    await publisher.publish(ANALYSIS_COMPLETED, completed(machine_id, analysis_type="baseline"), organization)
    await publisher.publish(ANALYSIS_COMPLETED, completed(machine_id), organization)
    await publisher.publish(ANALYSIS_FAILED, failed(machine_id), organization)

    async def both() -> list[dict[str, Any]]:
        found = await alerts_of(api, headers, machine_id)
        return found if len(found) == 2 else []

    by_rule = {alert["rule_name"]: alert for alert in await eventually(both)}
    assert by_rule["Run"]["count"] == 1, "a baseline run is not evaluated"
    assert "10 of 200 samples outside normal (5.0%)" in by_rule["Run"]["summary"]
    assert by_rule["Failed"]["summary"].endswith("analysis failed: row 7 has 3 fields instead of 4")


async def test_a_resolved_alert_reopens_within_its_interval(
    api: httpx2.AsyncClient,
    tokens: TokenIssuer,
    organization: UUID,
    publisher: Publisher,
    machines: FakeMachines,
    bootstrap: str,
) -> None:
    headers = tokens.headers(organization)
    machine_id = machines.add(organization)
    await make_rule(
        api,
        headers,
        machine_id,
        condition=condition(dedupe={"by": ["rule", "machine"], "reopen_within": "PT1H"}),
    )
    await publisher.publish(ANOMALY_DETECTED, anomaly(machine_id), organization)
    alert = await alert_with_count(api, headers, machine_id, 1)
    assert (await api.post(f"{ALERTS}/{alert['id']}/resolve", headers=headers)).status_code == 200
    await publisher.publish(ANOMALY_DETECTED, anomaly(machine_id), organization)
    again = await alert_with_count(api, headers, machine_id, 2)
    assert (again["id"], again["status"], again["resolved_at"]) == (alert["id"], "active", None)
    async with reading(bootstrap, ALERT_CHANGED) as reader:
        changed = await reader.wait_for(ALERT_CHANGED, 2, alert_id=UUID(alert["id"]))
        assert [e.payload.change for e in changed] == ["resolved", "reopened"]


async def test_rules_are_changed_deactivated_and_deleted(
    api: httpx2.AsyncClient,
    tokens: TokenIssuer,
    organization: UUID,
    publisher: Publisher,
    machines: FakeMachines,
    bootstrap: str,
) -> None:
    headers = tokens.headers(organization)
    machine_id = machines.add(organization)
    rule = await make_rule(api, headers, machine_id, actions=actions(on=["resolved"]))
    other = await make_rule(api, headers, machine_id, name="Off", is_active=False)
    place = f"{RULES}/{rule['id']}"
    assert SECRET not in str(rule)
    assert rule["actions"]["webhooks"] == {"cmms": {"url": "https://example.org/hook"}}

    kept = await api.patch(place, json={"name": "New", "actions": rule["actions"]}, headers=headers)
    assert kept.status_code == 200, "a returned rule can be sent back and keeps its secret"
    assert kept.json()["name"] == "New"
    assert kept.json()["condition"] == rule["condition"]
    listed = await api.get(RULES, params={"machine_id": str(machine_id)}, headers=headers)
    assert [r["id"] for r in listed.json()["items"]] == [other["id"], rule["id"]]
    active = await api.get(
        RULES, params={"machine_id": str(machine_id), "is_active": "true"}, headers=headers
    )
    assert [r["id"] for r in active.json()["items"]] == [rule["id"]]
    assert (await api.patch(place, json={"machine_id": str(uuid4())}, headers=headers)).status_code == 422

    await publisher.publish(ANOMALY_DETECTED, anomaly(machine_id), organization)
    alert = await alert_with_count(api, headers, machine_id, 1)
    assert alert["rule_name"] == "New"
    assert (await api.delete(place, headers=headers)).status_code == 204
    assert (await api.get(place, headers=headers)).status_code == 404
    assert (await api.delete(place, headers=headers)).status_code == 404
    detail = (await api.get(f"{ALERTS}/{alert['id']}", headers=headers)).json()
    assert (detail["status"], detail["resolve_note"]) == ("resolved", "The rule was deleted.")
    async with reading(bootstrap, AUDIT_RECORDED) as reader:
        audited = await reader.wait_for(AUDIT_RECORDED, 3, resource_id=UUID(rule["id"]))
        assert [e.payload.action.partition(".")[2] for e in audited] == ["created", "updated", "deleted"]
        assert SECRET not in str(audited)


async def test_deleting_a_machine_deletes_its_rules_and_alerts(
    api: httpx2.AsyncClient,
    tokens: TokenIssuer,
    organization: UUID,
    publisher: Publisher,
    machines: FakeMachines,
) -> None:
    headers = tokens.headers(organization)
    machine_id = uuid4()
    await publisher.publish(MACHINE_CHANGED, machine_changed(machine_id, version=3), organization)

    async def known() -> bool:
        body = {"machine_id": str(machine_id), "name": "R", "condition": condition(), "severity": "low"}
        return (await api.post(RULES, json=body, headers=headers)).status_code == 201

    await eventually(known, what="the machine to be known by its event")
    await publisher.publish(ANOMALY_DETECTED, anomaly(machine_id), organization)
    await alert_with_count(api, headers, machine_id, 1)
    machines.names[organization, machine_id] = "Pump 7"  # the owner's answer would come late, too
    gone = machine_changed(machine_id, version=4, deleted=True)
    await publisher.publish(MACHINE_CHANGED, gone, organization)

    async def nothing() -> bool:
        return await alerts_of(api, headers, machine_id) == []

    await eventually(nothing, what="the alerts to go")
    listed = await api.get(RULES, params={"machine_id": str(machine_id)}, headers=headers)
    assert listed.json()["items"] == []
    body = {"machine_id": str(machine_id), "name": "R", "condition": condition(), "severity": "low"}
    refused = await api.post(RULES, json=body, headers=headers)
    assert refused.status_code == 404
    assert str(machine_id) in refused.json()["detail"]


async def test_another_organization_has_no_access(
    api: httpx2.AsyncClient,
    tokens: TokenIssuer,
    organization: UUID,
    publisher: Publisher,
    machines: FakeMachines,
) -> None:
    mine, foreign = tokens.headers(organization), tokens.headers(uuid4())
    machine_id = machines.add(organization)
    rule = await make_rule(api, mine, machine_id)
    await publisher.publish(ANOMALY_DETECTED, anomaly(machine_id), organization)
    alert = await alert_with_count(api, mine, machine_id, 1)
    for place in (f"{RULES}/{rule['id']}", f"{ALERTS}/{alert['id']}"):
        assert (await api.get(place, headers=foreign)).status_code == 404
    assert (await api.patch(f"{RULES}/{rule['id']}", json={"name": "X"}, headers=foreign)).status_code == 404
    assert (await api.delete(f"{RULES}/{rule['id']}", headers=foreign)).status_code == 404
    for verb in ("acknowledge", "resolve"):
        assert (await api.post(f"{ALERTS}/{alert['id']}/{verb}", headers=foreign)).status_code == 404
    assert (await api.get(ALERTS, headers=foreign)).json()["items"] == []
    assert (await api.get(RULES, headers=foreign)).json()["items"] == []
    body = {"machine_id": str(machine_id), "name": "R", "condition": condition(), "severity": "low"}
    assert (await api.post(RULES, json=body, headers=foreign)).status_code == 404
    assert (await alerts_of(api, mine, machine_id))[0]["status"] == "active"


async def test_roles_limit_access(
    api: httpx2.AsyncClient,
    tokens: TokenIssuer,
    organization: UUID,
    publisher: Publisher,
    machines: FakeMachines,
) -> None:
    machine_id = machines.add(organization)
    operator = tokens.headers(organization, Role.OPERATOR)
    viewer = tokens.headers(organization, Role.VIEWER)
    body = {"machine_id": str(machine_id), "name": "R", "condition": condition(), "severity": "low"}
    assert (await api.post(RULES, json=body, headers=operator)).status_code == 403
    await make_rule(api, tokens.headers(organization, Role.ADMIN), machine_id)
    await publisher.publish(ANOMALY_DETECTED, anomaly(machine_id), organization)
    alert = await alert_with_count(api, viewer, machine_id, 1)
    place = f"{ALERTS}/{alert['id']}/acknowledge"
    assert (await api.post(place, headers=viewer)).status_code == 403
    assert (await api.post(place, headers=operator)).status_code == 200
