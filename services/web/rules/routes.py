"""HTTP of the list of alert rules."""

import asyncio
import json
from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.responses import Response

from services.web.api.client import Json
from services.web.errors import ApiError
from services.web.layout.pages import Pages, moved
from services.web.people.service import names_of_members
from services.web.rules.domain import BadCondition, document, new_rule_of, sentence
from services.web.sessions.visit import ANY_PROBLEM, Visit, Visitors, optional
from shared.errors import DInsightError

PAGE = 50
FILTERS = ("machine_id", "is_active")
MAX_MACHINES = 500
# As many as an organization may have.
MAX_CONTACTS = 500


def build_router(pages: Pages, visitors: Visitors) -> APIRouter:
    router = APIRouter(prefix="/o/{organization_id}/rules", include_in_schema=False)
    member = Annotated[Visit, Depends(visitors.member)]

    @router.get("")
    async def rules(visit: member) -> Response:
        return await _rules(visit)

    @router.get("/new")
    async def new_rule(visit: member) -> Response:
        return await _editor(visit, {}, machine_id=visit.request.query_params.get("machine_id", ""))

    @router.post("/new")
    async def create_rule(visit: member) -> Response:
        """From the sentence, or from the JSON beside it when the visitor has written that."""
        form = await visit.form()
        fields = {name: str(value) for name, value in form.items()}
        try:
            rule = await visit.post("/alert-rules", new_rule_of(fields))
        except (ApiError, BadCondition) as error:
            return await _editor(visit, fields, error=error)
        return moved(visit, f"/o/{visit.organization_id}/rules/{rule['id']}")

    @router.get("/{rule_id}")
    async def rule_page(visit: member, rule_id: UUID) -> Response:
        return await _rule(visit, rule_id)

    @router.post("/{rule_id}")
    async def change_rule(visit: member, rule_id: UUID) -> Response:
        form = await visit.form()
        try:
            change = {"condition": document(str(form.get("condition", ""))), "name": form.get("name")}
            await visit.patch(f"/alert-rules/{rule_id}", change)
        except (ApiError, BadCondition) as error:
            return await _rule(visit, rule_id, error)
        return moved(visit, f"/o/{visit.organization_id}/rules/{rule_id}")

    @router.post("/{rule_id}/delete")
    async def delete_rule(visit: member, rule_id: UUID) -> Response:
        await visit.form()
        try:
            await visit.delete(f"/alert-rules/{rule_id}")
        except ApiError as error:
            return await _rule(visit, rule_id, error)
        return moved(visit, f"/o/{visit.organization_id}/rules")

    @router.post("/{rule_id}/switch")
    async def switch(visit: member, rule_id: UUID) -> Response:
        """On or off. Off resolves what the rule has open, and the API says so in the alert's story."""
        form = await visit.form()
        try:
            await visit.patch(f"/alert-rules/{rule_id}", {"is_active": form.get("is_active") == "true"})
        except ApiError as error:
            return await _rules(visit, error)
        return moved(visit, f"/o/{visit.organization_id}/rules")

    async def _rule(visit: Visit, rule_id: UUID, error: DInsightError | None = None) -> Response:
        rule = await visit.get(f"/alert-rules/{rule_id}")
        machine, (backtest, untried), names = await asyncio.gather(
            optional(visit.get(f"/machines/{rule['machine_id']}"), ANY_PROBLEM),
            _tried(visit, rule_id),
            names_of_members(visit),
        )
        return await pages.show(
            visit,
            "rules/rule.html",
            status=error.status if error else 200,
            rule=rule,
            text=sentence(rule["condition"], pages.gettext(visit)),
            written=json.dumps(rule["condition"], indent=2, ensure_ascii=False),
            machine=machine,
            backtest=backtest,
            untried=untried,
            names=names,
            error=error,
        )

    async def _editor(
        visit: Visit, fields: Mapping[str, str], *, machine_id: str = "", error: DInsightError | None = None
    ) -> Response:
        machines, contacts, rotations = await asyncio.gather(
            visit.get("/machines", limit=MAX_MACHINES),
            visit.get("/contact-points", limit=MAX_CONTACTS),
            visit.get("/rotations", limit=MAX_CONTACTS),
        )
        told = [f"contact:{each['name']}" for each in contacts["items"]]
        told += [f"rotation:{each['name']}" for each in rotations["items"]]
        return await pages.show(
            visit,
            "rules/new.html",
            status=error.status if error else 200,
            machines=machines["items"],
            told=told,
            fields={"machine_id": machine_id, **fields},
            error=error,
        )

    async def _rules(visit: Visit, error: ApiError | None = None) -> Response:
        query = visit.request.query_params
        filters = {name: query[name] for name in FILTERS if query.get(name)}
        found, machines, performance = await asyncio.gather(
            visit.get("/alert-rules", limit=PAGE, cursor=query.get("cursor"), **filters),
            visit.get("/machines", limit=MAX_MACHINES),
            optional(visit.get("/alert-rules/performance", limit=MAX_MACHINES), ANY_PROBLEM),
        )
        gettext = pages.gettext(visit)
        return await pages.show(
            visit,
            "rules/rules.html",
            status=error.status if error else 200,
            rules=[(rule, sentence(rule["condition"], gettext)) for rule in found["items"]],
            next_cursor=found["next_cursor"],
            performance={each["rule_id"]: each for each in (performance or {"items": ()})["items"]},
            names={machine["id"]: machine["name"] for machine in machines["items"]},
            filters=filters,
            error=error,
        )

    return router


async def _tried(visit: Visit, rule_id: UUID) -> tuple[Json | None, ApiError | None]:
    """What the rule would have raised, None without a history; and why that cannot be told at the moment."""
    try:
        return await optional(visit.post(f"/alert-rules/{rule_id}/backtest")), None
    except ApiError as error:
        return None, error
