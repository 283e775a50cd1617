"""HTTP routes of contact points."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from services.alerting.contact_points.schemas import (
    ContactPointCreate,
    ContactPointOut,
    ContactPointUpdate,
    TestResult,
)
from services.alerting.contact_points.service import ContactPointService
from services.alerting.contact_points.testing import ContactTester
from services.alerting.database.postgres import PostgresUnits
from services.alerting.deliveries.domain import DeliveryStatus
from services.alerting.deliveries.schemas import told
from shared.access import Caller, Permission
from shared.http.caller import Guard
from shared.http.pages import Page, PageParameters
from shared.http.problems import problem_responses


def build_contact_points_router(
    service: ContactPointService, tester: ContactTester, units: PostgresUnits, guard: Guard
) -> APIRouter:
    router = APIRouter(
        prefix="/api/v1/contact-points",
        tags=["contact points"],
        responses=problem_responses(400, 401, 403, 422),
    )
    reader = Annotated[Caller, Depends(guard.may(Permission.ALERT_RULES_READ))]
    writer = Annotated[Caller, Depends(guard.may(Permission.ALERT_RULES_WRITE))]

    @router.get("", summary="List contact points")
    async def list_contact_points(caller: reader, page: PageParameters) -> Page[ContactPointOut]:
        """Newest first."""
        async with units(caller.scope) as unit:
            found = await service.list(unit, page)
        return Page[ContactPointOut].of(
            found, lambda each: ContactPointOut.of(each, service.address(caller, each))
        )

    @router.post("", status_code=201, summary="Create a contact point", responses=problem_responses(409, 429))
    async def create_contact_point(
        caller: writer, body: ContactPointCreate, response: Response
    ) -> ContactPointOut:
        """A named way to reach somebody, which rules use as `contact:NAME`.

        A mailbox gets a mail with a link, and nothing else until whoever reads it has confirmed.
        """
        async with units(caller.scope) as unit:
            made = await service.create(unit, caller, dict(body))
        response.headers["Location"] = f"/api/v1/contact-points/{made.id}"
        return ContactPointOut.of(made, service.address(caller, made))

    @router.get("/{contact_point_id}", summary="Get a contact point", responses=problem_responses(404))
    async def get_contact_point(caller: reader, contact_point_id: UUID) -> ContactPointOut:
        """Its kind, and what may be seen of its target."""
        async with units(caller.scope) as unit:
            found = await service.get(unit, contact_point_id)
        return ContactPointOut.of(found, service.address(caller, found))

    @router.patch(
        "/{contact_point_id}", summary="Update a contact point", responses=problem_responses(404, 409, 429)
    )
    async def update_contact_point(
        caller: writer, contact_point_id: UUID, body: ContactPointUpdate
    ) -> ContactPointOut:
        """Only the fields that are sent change. The name cannot change while a rule uses it.

        A new mailbox has to be confirmed.
        """
        changes = {name: value for name, value in body if name in body.model_fields_set}
        async with units(caller.scope) as unit:
            changed = await service.change(unit, caller, contact_point_id, changes)
        return ContactPointOut.of(changed, service.address(caller, changed))

    @router.delete(
        "/{contact_point_id}",
        status_code=204,
        summary="Delete a contact point",
        responses=problem_responses(404, 409),
    )
    async def delete_contact_point(caller: writer, contact_point_id: UUID) -> None:
        """One that a rule uses cannot be deleted."""
        async with units(caller.scope) as unit:
            await service.remove(unit, caller, contact_point_id)

    @router.post(
        "/{contact_point_id}/confirmation",
        status_code=202,
        summary="Ask again to confirm a mailbox",
        responses=problem_responses(404, 409, 429),
    )
    async def ask_for_confirmation(caller: writer, contact_point_id: UUID) -> ContactPointOut:
        """Sends the mail with the link once more, at most once an hour."""
        async with units(caller.scope) as unit:
            asked = await service.ask_again(unit, caller, contact_point_id)
        return ContactPointOut.of(asked, service.address(caller, asked))

    @router.post(
        "/{contact_point_id}/test",
        summary="Send a test message to a contact point",
        responses=problem_responses(404, 409),
    )
    async def check_contact_point(caller: writer, contact_point_id: UUID) -> TestResult:
        """Sends at once and waits for the outcome. The test of a role goes to the caller alone."""
        async with units(caller.scope) as unit:
            resource, route = await tester.route(unit, caller, contact_point_id)
        outcome = await tester.send(caller, resource, route)
        return TestResult(
            delivered=outcome.status is DeliveryStatus.DELIVERED,
            response_status=outcome.response_status,
            latency_ms=outcome.latency_ms,
            **told(outcome.error),
        )

    return router
