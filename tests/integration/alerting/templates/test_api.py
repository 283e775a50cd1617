"""Rule templates through the API: machines get their rules by events."""

from typing import Any
from uuid import UUID, uuid4

import httpx2

from shared.events.machines import MACHINE_CHANGED
from tests.integration.alerting.alerts.test_api import RULES
from tests.integration.alerting.publishing import Publisher, machine_changed
from tests.support.tokens import TokenIssuer
from tests.support.waiting import eventually
from tests.unit.alerting.examples import SECRET, actions, condition

TEMPLATES = "/api/v1/rule-templates"


async def test_a_template_gives_each_machine_its_rule_and_takes_it_back(
    api: httpx2.AsyncClient, tokens: TokenIssuer, organization: UUID, publisher: Publisher
) -> None:
    headers = tokens.headers(organization)
    body: dict[str, Any] = {
        "name": "Pumps",
        "selector": {"models": ["P-75"], "locations": ["Hall"]},
        "condition": condition(),
        "actions": actions(),
        "severity": "high",
    }
    created = await api.post(TEMPLATES, json=body, headers=headers)
    assert created.status_code == 201, created.text
    place = created.headers["Location"]
    assert SECRET not in created.text

    async def rules(count: int) -> list[dict[str, Any]]:
        query = {"template_id": created.json()["id"]}

        async def there() -> list[dict[str, Any]]:
            found = list((await api.get(RULES, params=query, headers=headers)).json()["items"])
            # Something that is true, also where no rule is wanted.
            return [*found, {}] if len(found) == count else []

        return (await eventually(there, what=f"{count} rules of the template"))[:-1]

    machine = machine_changed(uuid4()).model_copy(update={"model": "P-75", "location": "Hall 3"})
    await publisher.publish(MACHINE_CHANGED, machine, organization)
    [rule] = await rules(1)
    assert (rule["machine_id"], rule["name"], rule["overrides"]) == (str(machine.machine_id), "Pumps", [])

    changed = await api.patch(f"{RULES}/{rule['id']}", json={"severity": "low"}, headers=headers)
    assert changed.json()["overrides"] == ["severity"]
    detail = (await api.get(place, headers=headers)).json()
    assert (detail["rules"], detail["overridden"], detail["exempt"]) == (1, 1, 0)
    assert (await api.get(place, headers=tokens.headers(uuid4()))).status_code == 404

    moved = machine.model_copy(update={"location": "Yard", "version": 2})
    await publisher.publish(MACHINE_CHANGED, moved, organization)
    assert await rules(0) == []
    back = machine.model_copy(update={"version": 3, "status": "maintenance"})
    await publisher.publish(MACHINE_CHANGED, back, organization)
    [again] = await rules(1)
    assert (again["id"], again["severity"], again["not_judged"]) == (rule["id"], "low", "machine_maintenance")

    assert (await api.delete(place, headers=headers)).status_code == 204
    assert await rules(0) == []
    assert (await api.get(place, headers=headers)).status_code == 404
