"""HTTP routes of the performance of rules and of the alert budget."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from services.alerting.database.postgres import PostgresUnits
from services.alerting.performance.domain import PerformanceFilter
from services.alerting.performance.schemas import AlertBudgetBody, BudgetReportOut, RulePerformanceOut
from services.alerting.performance.service import PerformanceService
from shared.access import Caller, Permission
from shared.http.caller import Guard
from shared.http.fields import Moment
from shared.http.pages import Page, PageParameters
from shared.http.problems import problem_responses


def build_performance_router(service: PerformanceService, units: PostgresUnits, guard: Guard) -> APIRouter:
    """To be included before the routes of rules, whose ids would match `performance`."""
    router = APIRouter(prefix="/api/v1", responses=problem_responses(400, 401, 403, 422))
    reader = Annotated[Caller, Depends(guard.may(Permission.ALERT_RULES_READ))]
    writer = Annotated[Caller, Depends(guard.may(Permission.ALERT_RULES_WRITE))]

    @router.get(
        "/alert-rules/performance", tags=["alert rules"], summary="List the performance of alert rules"
    )
    async def list_rule_performance(
        caller: reader,
        page: PageParameters,
        since: Moment | None = None,
        until: Moment | None = None,
        machine_id: UUID | None = None,
        never_fired: bool | None = None,
        chatters: bool | None = None,
    ) -> Page[RulePerformanceOut]:
        """Precision, chatter and last alert of each rule, by default over 30 days; newest rule first."""
        wanted = PerformanceFilter(*service.period(since, until), machine_id, never_fired, chatters)
        async with units(caller.scope) as unit:
            return Page[RulePerformanceOut].of(await service.list(unit, wanted, page), RulePerformanceOut.of)

    @router.get(
        "/alert-budget",
        tags=["alert budget"],
        summary="Get the alert budget",
        responses=problem_responses(404),
    )
    async def get_alert_budget(caller: reader) -> AlertBudgetBody:
        """How many alerts a night may bring."""
        async with units(caller.scope) as unit:
            return AlertBudgetBody.of(await service.budget(unit))

    @router.put("/alert-budget", tags=["alert budget"], summary="Set the alert budget")
    async def set_alert_budget(caller: writer, body: AlertBudgetBody) -> AlertBudgetBody:
        """Replaces the budget, if there is one."""
        async with units(caller.scope) as unit:
            return AlertBudgetBody.of(await service.set_budget(unit, caller, body.budget()))

    @router.delete(
        "/alert-budget",
        status_code=204,
        tags=["alert budget"],
        summary="Delete the alert budget",
        responses=problem_responses(404),
    )
    async def delete_alert_budget(caller: writer) -> None:
        """The alerts are not touched."""
        async with units(caller.scope) as unit:
            await service.remove_budget(unit, caller)

    @router.get(
        "/alert-budget/report",
        tags=["alert budget"],
        summary="Report how the alert budget was spent",
        responses=problem_responses(404),
    )
    async def report_alert_budget(
        caller: reader, since: Moment | None = None, until: Moment | None = None
    ) -> BudgetReportOut:
        """The nights of a period, by default of the last 30 days, and the rules that spent their budget."""
        async with units(caller.scope) as unit:
            return BudgetReportOut.of(await service.budget_report(unit, since, until))

    return router
