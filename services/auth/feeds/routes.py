"""The feed of an organization."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from services.auth.database.unit import Units
from services.auth.feeds.schemas import FeedState, NewFeedOut
from services.auth.feeds.service import FeedService
from services.auth.organizations.service import OrganizationService
from shared.access import Identity, Permission, Scope
from shared.http.caching import NO_STORE
from shared.http.caller import Guard
from shared.http.problems import problem_responses


def build_router(
    organizations: OrganizationService, feeds: FeedService, units: Units, guard: Guard
) -> APIRouter:
    router = APIRouter(
        prefix="/organizations/{organization_id}/feed",
        tags=["feeds"],
        responses=problem_responses(400, 401, 403, 404, 422),
    )
    signed_in = Annotated[Identity, Depends(guard.identity)]
    # A leaked API key that could make passwords would outlive its deletion.
    person = Annotated[Identity, Depends(guard.person)]

    @router.get("", summary="Show the organization's feed")
    async def get_feed(identity: signed_in, organization_id: UUID) -> FeedState:
        """Whether there is one, and without its password."""
        async with units(Scope()) as unit:
            caller = await organizations.authorize(unit, identity, organization_id, Permission.FEED_WRITE)
            feed = await feeds.get(unit, caller)
        return FeedState.of(feed, feeds.bootstrap, available=feeds.available)

    @router.put(
        "",
        summary="Make the organization's feed, or a new password for it",
        description=(
            "The feed is a topic of the broker with the organization's own events, and a user that may read"
            " it and nothing else. The response contains the user's password, which is not shown again. An"
            " earlier password ends as soon as the status is ready."
        ),
        responses=problem_responses(409),
        dependencies=[NO_STORE],
    )
    async def put_feed(identity: person, organization_id: UUID) -> NewFeedOut:
        async with units(Scope()) as unit:
            caller = await organizations.authorize(unit, identity, organization_id, Permission.FEED_WRITE)
            feed, password = await feeds.put(unit, caller)
        return NewFeedOut.of_new(feed, feeds.bootstrap, password)

    @router.delete(
        "",
        status_code=204,
        summary="Delete the organization's feed",
        description="The user is refused, and the topic deleted with its records, within moments.",
    )
    async def delete_feed(identity: person, organization_id: UUID) -> None:
        async with units(Scope()) as unit:
            caller = await organizations.authorize(unit, identity, organization_id, Permission.FEED_WRITE)
            await feeds.delete(unit, caller)

    return router
