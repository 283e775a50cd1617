"""The life of alerts through the API, on a real database and broker."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx2

from shared.events.alerting import ALERT_CHANGED
from shared.events.analysis import ANOMALY_DETECTED
from shared.events.deletions import DELETION_REQUESTED, DeletionRequested
from tests.integration.alerting.alerts.test_api import ALERTS, RULES, alert_with_count, make_rule
from tests.integration.alerting.conftest import FakeMachines
from tests.integration.alerting.publishing import Publisher
from tests.support.installation import TestDatabase
from tests.support.records import reading
from tests.support.tokens import TokenIssuer
from tests.support.waiting import eventually
from tests.unit.alerting.examples import anomaly

BUDGET = "/api/v1/alert-budget"


async def test_a_shift_with_its_alerts_and_what_they_say_of_their_rules(
    api: httpx2.AsyncClient,
    tokens: TokenIssuer,
    organization: UUID,
    publisher: Publisher,
    machines: FakeMachines,
) -> None:
    headers = tokens.headers(organization)

    async def get(path: str, **query: Any) -> Any:
        response = await api.get(path, params=query, headers=headers)
        assert response.status_code == 200, response.text
        return response.json()

    alerts, rules = [], []
    for name in ("true", "false", "open"):
        machine_id = machines.add(organization, name)
        rules.append(await make_rule(api, headers, machine_id, name=name))
        await publisher.publish(ANOMALY_DETECTED, anomaly(machine_id), organization)
        alerts.append(await alert_with_count(api, headers, machine_id, 1))
    silent = await make_rule(api, headers, machines.add(organization), name="silent")
    ids = [alert["id"] for alert in alerts]
    assert (await get(f"{ALERTS}/counts", open="true"))["unacknowledged"] == 3

    bulk = {"action": "acknowledge", "alert_ids": [ids[0], ids[1], str(uuid4())], "note": "shift"}
    results = (await api.post(f"{ALERTS}/bulk", json=bulk, headers=headers)).json()["results"]
    assert [r["refused"] and r["refused"]["code"] for r in results] == [None, None, "alert_not_found"]
    for alert_id, outcome in ((ids[0], "true_alarm"), (ids[1], "false_alarm")):
        body = {"outcome": outcome, "fault_code": "BRG-02"}
        resolved = await api.post(f"{ALERTS}/{alert_id}/resolve", json=body, headers=headers)
        assert (resolved.status_code, resolved.json()["outcome"]) == (200, outcome)

    listed = await get(ALERTS, open="true", unacknowledged="true", alert_rule_id=rules[2]["id"])
    assert [alert["id"] for alert in listed["items"]] == [ids[2]]
    summary = await get(f"{ALERTS}/summary")
    assert (summary["raised"], summary["acknowledged"], summary["resolved"]) == (3, 2, 2)
    assert (summary["true_alarms"], summary["false_alarms"]) == (1, 1)
    assert (summary["open"], summary["open_unacknowledged"], summary["open_unassigned"]) == (1, 1, 1)
    assert summary["median_seconds_to_acknowledge"] >= 0
    assert {rule["name"] for rule in summary["rules"]} == {"true", "false", "open"}
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    refused = await api.get(f"{ALERTS}/summary", params={"since": tomorrow}, headers=headers)
    assert refused.status_code == 422

    found = {rule["rule_name"]: rule for rule in (await get(f"{RULES}/performance"))["items"]}
    assert found["true"]["precision"]["value"] == 1
    assert 0 < found["true"]["precision"]["low"] < 0.5, "one outcome says little"
    assert found["false"]["precision"]["value"] == 0
    assert found["open"]["precision"] is None
    never = await get(f"{RULES}/performance", never_fired="true", limit=1)
    assert [rule["rule_id"] for rule in never["items"]] == [silent["id"]]
    assert (await get(f"{RULES}/performance", chatters="true"))["items"] == []

    assert (await api.get(BUDGET, headers=headers)).status_code == 404
    whole_day = {"max_alerts": 2, "starts_at": "00:00", "ends_at": "00:00", "time_zone": "UTC"}
    assert (await api.put(BUDGET, json=whole_day, headers=headers)).status_code == 200
    report = await get(f"{BUDGET}/report")
    assert sum(night["alerts"] for night in report["nights"]) == 3
    assert sorted(rule["rule_name"] for rule in report["rules"]) == ["false", "open", "true"]
    noon = {**whole_day, "starts_at": "03:00", "ends_at": "02:00", "min_severity": "critical"}
    assert (await api.put(BUDGET, json=noon, headers=headers)).status_code == 200
    assert (await get(f"{BUDGET}/report"))["nights"] == [], "no alert was critical"
    assert (await api.delete(BUDGET, headers=headers)).status_code == 204


# The alert had been over for two hours each time it came back.
EARLIER = """
UPDATE alerting.alert_changes SET at = at - interval '2 hours' WHERE kind = 'resolved' AND alert_id = $1
"""


async def test_an_alert_that_comes_back_at_once_chatters(
    api: httpx2.AsyncClient,
    database: TestDatabase,
    tokens: TokenIssuer,
    organization: UUID,
    publisher: Publisher,
    machines: FakeMachines,
) -> None:
    headers = tokens.headers(organization)
    machine_id = machines.add(organization)
    await make_rule(api, headers, machine_id)
    await publisher.publish(ANOMALY_DETECTED, anomaly(machine_id), organization)
    alert = await alert_with_count(api, headers, machine_id, 1)
    for _ in range(3):
        for use in ("resolve", "reopen"):
            done = await api.post(f"{ALERTS}/{alert['id']}/{use}", headers=headers)
            assert done.status_code == 200, done.text
    found = await api.get(f"{RULES}/performance", params={"chatters": "true"}, headers=headers)
    [rule] = found.json()["items"]
    assert (rule["raised"], rule["repeats"], rule["chatters"]) == (1, 3, True)
    connection = await asyncpg.connect(database.admin_dsn)
    await connection.execute(EARLIER, UUID(alert["id"]))
    await connection.close()
    found = await api.get(f"{RULES}/performance", params={"machine_id": str(machine_id)}, headers=headers)
    [rule] = found.json()["items"]
    assert (rule["raised"], rule["repeats"], rule["chatters"]) == (1, 0, False)


async def test_switching_off_and_deleting_resolve_with_an_event_that_says_why(
    api: httpx2.AsyncClient,
    tokens: TokenIssuer,
    organization: UUID,
    publisher: Publisher,
    machines: FakeMachines,
    bootstrap: str,
) -> None:
    user = uuid4()
    headers = tokens.headers(organization, user_id=user)
    machine_id = machines.add(organization)
    rules = [await make_rule(api, headers, machine_id, name=str(number)) for number in range(3)]
    await publisher.publish(ANOMALY_DETECTED, anomaly(machine_id), organization)

    def of(rule: dict[str, Any]) -> str:
        return f"{RULES}/{rule['id']}"

    for rule in rules:
        await open_alert_of(api, headers, rule)
    assert (await api.patch(of(rules[0]), json={"name": "x"}, headers=headers)).status_code == 200
    assert (await open_alert_of(api, headers, rules[0]))["status"] == "active", "judged as before"
    off = await api.patch(of(rules[0]), json={"is_active": False}, headers=headers)
    assert off.json()["not_judged"] == "rule_switched_off"
    assert (await api.patch(of(rules[1]), json={"severity": "low"}, headers=headers)).status_code == 200
    now = datetime.now(UTC)
    deletion = DeletionRequested(
        deletion_id=uuid4(),
        kind="machine",
        subject_id=machine_id,
        organization_id=organization,
        requested_by=user,
        requested_at=now,
        backups_expire_at=now,
    )
    await publisher.publish(DELETION_REQUESTED, deletion, organization)
    async with reading(bootstrap, ALERT_CHANGED) as reader:
        changed = await reader.wait_for(ALERT_CHANGED, 3, machine_id=machine_id, change="resolved")
    codes = {event.payload.alert_rule_id: event.payload.code for event in changed}
    expected = ("rule_switched_off", "rule_changed", "machine_deleted")
    assert codes == {UUID(rule["id"]): code for rule, code in zip(rules, expected, strict=True)}
    assert {event.payload.status for event in changed} == {"resolved"}


async def open_alert_of(
    api: httpx2.AsyncClient, headers: dict[str, str], rule: dict[str, Any]
) -> dict[str, Any]:
    async def there() -> dict[str, Any]:
        query = {"alert_rule_id": rule["id"], "open": "true"}
        found = (await api.get(ALERTS, params=query, headers=headers)).json()["items"]
        return dict(found[0]) if found else {}

    return await eventually(there, what="the alert of the rule")
