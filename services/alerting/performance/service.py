"""Use cases of the performance of rules and the alert budget. Callers open the transaction and commit it."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from services.alerting.database.unit import Unit
from services.alerting.performance.domain import (
    AlertBudget,
    BudgetReport,
    PerformanceFilter,
    RulePerformance,
    report,
)
from services.alerting.performance.errors import BudgetNotFound, NoPeriod
from shared.access import Caller
from shared.audit import Auditor
from shared.clock import Clock
from shared.http.pages import PageRequest, Slice

PERIOD = timedelta(days=30)
MAX_PERIOD = timedelta(days=366)


class PerformanceService:
    def __init__(self, clock: Clock, auditor: Auditor) -> None:
        self._clock = clock
        self._auditor = auditor

    def period(self, since: datetime | None, until: datetime | None) -> tuple[datetime, datetime]:
        """By default, the last 30 days. Raises NoPeriod."""
        end = until or self._clock.now()
        start = since or end - PERIOD
        if not timedelta(0) < end - start <= MAX_PERIOD:
            raise NoPeriod(MAX_PERIOD.days)
        return start, end

    async def list(self, unit: Unit, wanted: PerformanceFilter, page: PageRequest) -> Slice[RulePerformance]:
        return await unit.performance.list(wanted, page)

    async def budget(self, unit: Unit) -> AlertBudget:
        """Raises BudgetNotFound."""
        budget = await unit.performance.budget()
        if budget is None:
            raise BudgetNotFound
        return budget

    async def set_budget(self, unit: Unit, caller: Caller, budget: AlertBudget) -> AlertBudget:
        before = await unit.performance.budget()
        await unit.performance.set_budget(caller.organization_id, budget, self._clock.now())
        await self._auditor.wrote(
            unit.outbox,
            caller,
            "alert_budget.updated",
            "alert_budget",
            caller.organization_id,
            before=_audited(before) if before else None,
            after=_audited(budget),
        )
        return budget

    async def remove_budget(self, unit: Unit, caller: Caller) -> None:
        """Raises BudgetNotFound."""
        before = await self.budget(unit)
        await unit.performance.remove_budget()
        await self._auditor.wrote(
            unit.outbox,
            caller,
            "alert_budget.deleted",
            "alert_budget",
            caller.organization_id,
            before=_audited(before),
        )

    async def budget_report(self, unit: Unit, since: datetime | None, until: datetime | None) -> BudgetReport:
        """Raises BudgetNotFound, NoPeriod."""
        budget = await self.budget(unit)
        return report(budget, await unit.performance.calls(budget, *self.period(since, until)))


def _audited(budget: AlertBudget) -> dict[str, Any]:
    return asdict(budget) | {"min_severity": budget.min_severity.label}
