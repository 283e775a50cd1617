"""Organizations whose machines have rules, on a running platform."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from tests.e2e.plant import Plant
from tests.unit.alerting.examples import condition

# A thousand calls would take longer than what is measured: the others are copies of a rule from the API.
COPIES = """
INSERT INTO alerting.alert_rules
    (id, organization_id, machine_id, name, condition, actions, severity, is_active, created_by)
SELECT gen_random_uuid(), organization_id, machine_id, name || ' ' || n, condition, actions, severity, true,
       created_by
FROM alerting.alert_rules, generate_series(2, $2) AS n WHERE id = $1
"""
JUDGED = "SELECT coalesce(sum(judged_number), 0) FROM alerting.series_heads WHERE machine_id = ANY($1)"
COUNTED = (
    "SELECT coalesce(sum((data ->> 'count')::bigint), 0) FROM alerting.alerts WHERE machine_id = ANY($1)"
)


@dataclass(frozen=True)
class Site:
    """Machines of an organization, each with a rule; `rules` are those rules."""

    plant: Plant
    organization_id: UUID
    machines: Sequence[UUID]
    rules: Sequence[UUID]

    @classmethod
    def of(cls, plant: Plant, machines: int, **more: Any) -> "Site":
        """`more` belongs to the condition of the rules, which fire at every anomaly."""
        made = [plant.post("/machines", {"name": f"Pump {number}"}) for number in range(machines)]
        rules = [
            plant.post(
                "/alert-rules",
                {"machine_id": each["id"], "name": "Far", "condition": condition(**more), "severity": "high"},
            )
            for each in made
        ]
        return cls(
            plant,
            UUID(made[0]["organization_id"]),
            [UUID(each["id"]) for each in made],
            [UUID(each["id"]) for each in rules],
        )


class Ledger:
    """What alerting has in its database, read as its administrator."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def add_rules(self, rule_id: UUID, count: int) -> None:
        """Let the machine of a rule have `count` rules like it."""
        await self._connection.execute(COPIES, rule_id, count)

    async def judged(self, machines: Sequence[UUID]) -> int:
        """How many records of those machines are judged."""
        return int(await self._connection.fetchval(JUDGED, list(machines)))

    async def counted(self, machines: Sequence[UUID]) -> int:
        """How many anomalies the alerts of the machines have counted."""
        return int(await self._connection.fetchval(COUNTED, list(machines)))
