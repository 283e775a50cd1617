"""A machine has a bounded number of rules, since all of them judge each of its samples."""

from dataclasses import replace
from uuid import uuid4

import pytest

from services.alerting.errors import TooManyRules
from services.alerting.rules.schemas import AlertRuleCreate
from services.alerting.rules.service import MAX_RULES_OF_MACHINE
from tests.unit.alerting.database.repository_suite import NOW
from tests.unit.alerting.examples import condition
from tests.unit.alerting.templates.test_templates import Plant


async def test_a_machine_has_a_bounded_number_of_rules() -> None:
    plant = Plant()
    machine, other = await plant.machine(), await plant.machine()
    rules = plant.units.memory.rules
    for _ in range(MAX_RULES_OF_MACHINE):
        rule = replace(plant.world.rule, id=uuid4(), machine_id=machine.id)
        rules[rule.id] = rule

    async def create(machine_id: object) -> None:
        body = {"machine_id": machine_id, "name": "One more", "condition": condition(), "severity": "low"}
        async with plant.units(plant.world.scope) as unit:
            await plant.rules.create(unit, plant.caller, dict(AlertRuleCreate.model_validate(body)))

    with pytest.raises(TooManyRules):
        await create(machine.id)
    await create(other.id)
    gone = next(iter(rules.values()))
    rules[gone.id] = replace(gone, deleted_at=NOW)
    await create(machine.id)
