"""HTTP routes of rule templates."""

from collections.abc import Callable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from services.alerting.database.postgres import PostgresUnits
from services.alerting.templates.domain import RuleTemplate
from services.alerting.templates.schemas import (
    RuleTemplateCreate,
    RuleTemplateDetail,
    RuleTemplateOut,
    RuleTemplateUpdate,
)
from services.alerting.templates.service import TemplateService
from shared.access import Caller, Permission
from shared.http.caller import Guard
from shared.http.pages import Page, PageParameters
from shared.http.problems import problem_responses


def build_templates_router(service: TemplateService, units: PostgresUnits, guard: Guard) -> APIRouter:
    router = APIRouter(
        prefix="/api/v1/rule-templates",
        tags=["rule templates"],
        responses=problem_responses(400, 401, 403, 422),
    )
    reader = Annotated[Caller, Depends(guard.may(Permission.ALERT_RULES_READ))]
    writer = Annotated[Caller, Depends(guard.may(Permission.ALERT_RULES_WRITE))]

    def shown(caller: Caller) -> Callable[[RuleTemplate], RuleTemplateOut]:
        return lambda template: RuleTemplateOut.of(template, service.shown_actions(caller, template))

    @router.get("", summary="List rule templates")
    async def list_rule_templates(caller: reader, page: PageParameters) -> Page[RuleTemplateOut]:
        """Newest first."""
        async with units(caller.scope) as unit:
            found = await service.list(unit, page)
        return Page[RuleTemplateOut].of(found, shown(caller))

    @router.post("", status_code=201, summary="Create a rule template", responses=problem_responses(409))
    async def create_rule_template(
        caller: writer, body: RuleTemplateCreate, response: Response
    ) -> RuleTemplateOut:
        """Every selected machine gets a rule, and so do machines that are selected later."""
        async with units(caller.scope) as unit:
            template = await service.create(unit, caller, dict(body))
        response.headers["Location"] = f"/api/v1/rule-templates/{template.id}"
        return shown(caller)(template)

    @router.get("/{template_id}", summary="Get a rule template", responses=problem_responses(404))
    async def get_rule_template(caller: reader, template_id: UUID) -> RuleTemplateDetail:
        """The template, and how many rules it has."""
        async with units(caller.scope) as unit:
            template, counts = await service.get(unit, template_id)
        return RuleTemplateDetail.with_counts(template, service.shown_actions(caller, template), counts)

    @router.patch("/{template_id}", summary="Update a rule template", responses=problem_responses(404))
    async def update_rule_template(
        caller: writer, template_id: UUID, body: RuleTemplateUpdate
    ) -> RuleTemplateOut:
        """Only the fields that are sent change. Its rules follow, except in the fields that they override."""
        changes = {name: value for name, value in body if name in body.model_fields_set}
        async with units(caller.scope) as unit:
            return shown(caller)(await service.change(unit, caller, template_id, changes))

    @router.delete(
        "/{template_id}",
        status_code=204,
        summary="Delete a rule template",
        description="Deletes its rules, too, and resolves their open alerts.",
        responses=problem_responses(404),
    )
    async def delete_rule_template(caller: writer, template_id: UUID) -> None:
        async with units(caller.scope) as unit:
            await service.remove(unit, caller, template_id)

    return router
