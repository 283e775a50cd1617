"""Seals the addresses that an older version stored in plain text, while the service runs."""

from services.alerting.database.postgres import PostgresUnits
from services.alerting.rules.service import RuleService
from shared.access import Scope


class SealAddresses:
    """A chore. Each rule is a transaction of its own, in the scope of its organization."""

    def __init__(self, units: PostgresUnits, rules: RuleService) -> None:
        self._units = units
        self._rules = rules

    async def __call__(self) -> None:
        while plain := await self._units.rules_with_plain_addresses():
            for organization_id, rule_id in plain:
                async with self._units(Scope(organization_id=organization_id)) as unit:
                    await self._rules.seal_addresses(unit, rule_id)
