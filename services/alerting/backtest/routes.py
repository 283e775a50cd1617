"""HTTP routes of backtests."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from services.alerting.backtest.schemas import BacktestOut, BacktestRequest
from services.alerting.backtest.service import BacktestService
from services.alerting.database.postgres import PostgresUnits
from services.alerting.replicas.service import MachineDirectory
from services.alerting.rules.compiled import ProgramCache
from services.alerting.rules.service import RuleService
from services.alerting.rules.signals import Severity
from shared.access import Caller, Permission
from shared.http.caller import Guard
from shared.http.fields import Moment
from shared.http.problems import problem_responses

Since = Annotated[Moment | None, Query(description="Inclusive. Default: 90 days before `until`")]
Until = Annotated[Moment | None, Query(description="Exclusive. Default: the newest sample")]


def build_backtest_router(
    backtests: BacktestService,
    rules: RuleService,
    programs: ProgramCache,
    directory: MachineDirectory,
    units: PostgresUnits,
    guard: Guard,
) -> APIRouter:
    router = APIRouter(
        prefix="/api/v1/alert-rules", tags=["alert rules"], responses=problem_responses(400, 401, 403, 422)
    )
    reader = Annotated[Caller, Depends(guard.may(Permission.ALERT_RULES_READ))]

    @router.post(
        "/backtest", summary="Backtest a rule that is not saved", responses=problem_responses(404, 429, 503)
    )
    async def backtest_unsaved_rule(
        caller: reader, body: BacktestRequest, since: Since = None, until: Until = None
    ) -> BacktestOut:
        """What alerts the rule would have opened, had it been on: replayed over the machine's samples."""
        await directory.ensure(caller, body.machine_id)
        await backtests.complete_history(units, caller, body.machine_id)
        program, severity = body.condition.compile(), Severity.parse(body.severity)
        return BacktestOut.of(
            await backtests.run(units, caller, body.machine_id, program, severity, since, until, None)
        )

    @router.post("/{rule_id}/backtest", summary="Backtest a rule", responses=problem_responses(404, 429))
    async def backtest_rule(
        caller: reader, rule_id: UUID, since: Since = None, until: Until = None
    ) -> BacktestOut:
        """What alerts the rule would have opened, had it been on: replayed over the machine's samples."""
        async with units(caller.scope) as unit:
            rule = await rules.get(unit, rule_id)
        await backtests.complete_history(units, caller, rule.machine_id)
        program, severity = programs.of(rule), rule.severity
        return BacktestOut.of(
            await backtests.run(units, caller, rule.machine_id, program, severity, since, until, rule.id)
        )

    return router
