"""The alert budget in memory."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.alerting.performance.domain import (
    AlertBudget,
    NightlyCalls,
    PerformanceFilter,
    RulePerformance,
)
from shared.access import Scope
from shared.http.pages import PageRequest, Slice


class FakePerformance:
    """Keeps the budget; what rules did is arithmetic of the database."""

    def __init__(self, budgets: dict[UUID, AlertBudget], scope: Scope) -> None:
        self._budgets = budgets
        self._scope = scope

    async def list(self, wanted: PerformanceFilter, page: PageRequest) -> Slice[RulePerformance]:
        raise NotImplementedError

    async def budget(self) -> AlertBudget | None:
        organization_id = self._scope.organization_id
        return self._budgets.get(organization_id) if organization_id else None

    async def set_budget(self, organization_id: UUID, budget: AlertBudget, at: datetime) -> None:
        self._budgets[organization_id] = budget

    async def remove_budget(self) -> None:
        if self._scope.organization_id is not None:
            self._budgets.pop(self._scope.organization_id, None)

    async def calls(self, budget: AlertBudget, since: datetime, until: datetime) -> Sequence[NightlyCalls]:
        raise NotImplementedError
