"""HTTP routes of alert rules."""

from collections.abc import Callable, Collection, Sequence
from typing import Annotated, TypeAlias
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from services.alerting.database.postgres import PostgresUnits
from services.alerting.database.unit import Unit
from services.alerting.replicas.service import MachineDirectory
from services.alerting.rules.compiled import ProgramCache
from services.alerting.rules.domain import Rule, RuleFilter
from services.alerting.rules.features import FeatureDirectory
from services.alerting.rules.schemas import AlertRuleCreate, AlertRuleOut, AlertRuleUpdate
from services.alerting.rules.service import RuleService
from shared.access import Caller, Permission
from shared.http.caller import Guard
from shared.http.pages import Page, PageParameters
from shared.http.problems import problem_responses

Show: TypeAlias = Callable[[Rule, Collection[str] | None], AlertRuleOut]


def build_rules_router(
    service: RuleService,
    directory: MachineDirectory,
    features: FeatureDirectory,
    programs: ProgramCache,
    units: PostgresUnits,
    guard: Guard,
) -> APIRouter:
    router = APIRouter(
        prefix="/api/v1/alert-rules", tags=["alert rules"], responses=problem_responses(400, 401, 403, 422)
    )
    reader = Annotated[Caller, Depends(guard.may(Permission.ALERT_RULES_READ))]
    writer = Annotated[Caller, Depends(guard.may(Permission.ALERT_RULES_WRITE))]

    async def shown(unit: Unit, caller: Caller, rules: Sequence[Rule]) -> Show:
        statuses = await service.machine_statuses(unit, rules)
        silent = await service.silent_contacts(unit, rules)
        return lambda rule, known: AlertRuleOut.of(
            rule, service.shown_actions(caller, rule), statuses.get(rule.machine_id, ""), silent, known
        )

    async def one(caller: Caller, rule: Rule, show: Show) -> AlertRuleOut:
        """With warnings of what only analysis knows, which is asked after the transaction."""
        return show(rule, await features.seen_by(caller, rule.machine_id, programs.of(rule)))

    @router.get("", summary="List alert rules")
    async def list_alert_rules(
        caller: reader,
        page: PageParameters,
        machine_id: UUID | None = None,
        is_active: bool | None = None,
        template_id: UUID | None = None,
    ) -> Page[AlertRuleOut]:
        """Newest first."""
        async with units(caller.scope) as unit:
            found = await service.list(unit, RuleFilter(machine_id, is_active, template_id), page)
            show = await shown(unit, caller, found.items)
        return Page[AlertRuleOut].of(found, lambda rule: show(rule, None))

    @router.post(
        "", status_code=201, summary="Create an alert rule", responses=problem_responses(404, 409, 503)
    )
    async def create_alert_rule(caller: writer, body: AlertRuleCreate, response: Response) -> AlertRuleOut:
        """The condition is checked as a whole: errors point at the place in it that is wrong."""
        await directory.ensure(caller, body.machine_id)
        async with units(caller.scope) as unit:
            rule = await service.create(unit, caller, dict(body))
            show = await shown(unit, caller, [rule])
        response.headers["Location"] = f"/api/v1/alert-rules/{rule.id}"
        return await one(caller, rule, show)

    @router.get("/{rule_id}", summary="Get an alert rule", responses=problem_responses(404))
    async def get_alert_rule(caller: reader, rule_id: UUID) -> AlertRuleOut:
        """The condition, the actions and whether the rule is active."""
        async with units(caller.scope) as unit:
            rule = await service.get(unit, rule_id)
            show = await shown(unit, caller, [rule])
        return await one(caller, rule, show)

    @router.patch("/{rule_id}", summary="Update an alert rule", responses=problem_responses(404))
    async def update_alert_rule(caller: writer, rule_id: UUID, body: AlertRuleUpdate) -> AlertRuleOut:
        """Only the fields that are sent change."""
        changes = {name: value for name, value in body if name in body.model_fields_set}
        async with units(caller.scope) as unit:
            rule = await service.change(unit, caller, rule_id, changes)
            show = await shown(unit, caller, [rule])
        return await one(caller, rule, show)

    @router.delete(
        "/{rule_id}",
        status_code=204,
        summary="Delete an alert rule",
        description="Resolves the open alert of the rule. Its alerts are kept as history.",
        responses=problem_responses(404),
    )
    async def delete_alert_rule(caller: writer, rule_id: UUID) -> None:
        async with units(caller.scope) as unit:
            await service.remove(unit, caller, rule_id)

    return router
