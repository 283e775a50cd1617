"""HTTP of the event stream."""

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from services.gateway.admission.api_keys import ApiKeys
from services.gateway.admission.middleware import PRESENTED_KEY
from services.gateway.stream.domain import EventFilter, StreamEvent
from services.gateway.stream.handlers import STREAMED
from services.gateway.stream.places import StreamPlaces
from services.gateway.stream.schemas import ResetItem, StreamItem
from services.gateway.stream.service import EventStreams, Opened, Renew, Reset
from shared.access import Caller, Identity, Permission
from shared.ended import EndedAccess
from shared.errors import FieldError, Unprocessable
from shared.http.caller import Guard
from shared.http.problems import problem_responses

# How long a client waits before it reconnects.
RECONNECT_MS = 2_000
STREAM_RESPONSES = {
    200: {
        "model": StreamItem,
        "description": (
            f"Events named {', '.join(STREAMED)}, and `reset` when events were missed and the view must be"
            " reloaded. After a reconnect an event may come twice: deduplicate by id."
        ),
    },
    **problem_responses(400, 401, 403, 422, 429),
}


def event_filter(
    types: Annotated[
        str | None, Query(max_length=500, description="Comma-separated event types; default: all")
    ] = None,
    machine_id: Annotated[UUID | None, Query(description="Only events of this machine")] = None,
) -> EventFilter:
    """The filter in the query. Raises Unprocessable for a type that is not streamed."""
    asked = frozenset(filter(None, (part.strip() for part in (types or "").split(","))))
    if unknown := sorted(asked - STREAMED.keys()):
        known = ", ".join(STREAMED)
        detail = f"{', '.join(unknown)} is not streamed; available types are {known}"
        raise Unprocessable(
            "An event type is not known; see errors.", errors=[FieldError("/query/types", detail)]
        )
    return EventFilter(asked, machine_id)


def key_renewal(api_keys: ApiKeys) -> Callable[[Request], Renew | None]:
    """A dependency: checks again whether the API key of the request is valid; None for people's tokens."""

    def renewal(request: Request) -> Renew | None:
        key = request.scope.get(PRESENTED_KEY)
        return None if key is None else partial(api_keys.good_until, key)

    return renewal


def build_router(
    streams: EventStreams, places: StreamPlaces, guard: Guard, ended: EndedAccess, api_keys: ApiKeys
) -> APIRouter:
    router = APIRouter()
    reader = Annotated[Caller, Depends(guard.may(Permission.STREAM_READ))]
    user = Annotated[Identity, Depends(guard.identity)]

    async def place(caller: reader) -> AsyncIterator[None]:
        """Held until the stream ends."""
        with places.taken(caller.organization_id, caller.api_key_id or caller.user_id):
            yield

    @router.get(
        "/api/v1/stream",
        tags=["stream"],
        summary="Follow events",
        response_class=EventSourceResponse,
        responses=STREAM_RESPONSES,
        dependencies=[Depends(place)],
    )
    async def stream_events(
        caller: reader,
        identity: user,
        wanted: Annotated[EventFilter, Depends(event_filter)],
        renew: Annotated[Renew | None, Depends(key_renewal(api_keys))],
        last_event_id: Annotated[str | None, Header(description="Resume after this event")] = None,
    ) -> AsyncIterator[ServerSentEvent]:
        """Server-sent events of the organization. Send the last `id` back as Last-Event-ID to resume."""
        expires_at = identity.expires_at if renew is None else await renew()
        async for event in streams.follow(
            caller.organization_id,
            wanted,
            last_event_id=last_event_id,
            expires_at=expires_at,
            renew=renew,
            is_over=lambda: ended.covers(identity),
        ):
            yield server_sent(event)

    return router


def server_sent(event: Opened | StreamEvent | Reset) -> ServerSentEvent:
    if isinstance(event, Opened):
        return ServerSentEvent(comment="connected", retry=RECONNECT_MS)
    if isinstance(event, Reset):
        last = str(event.last_event_id) if event.last_event_id else ""
        return ServerSentEvent(event="reset", id=last, data=ResetItem(reason=event.reason))
    return ServerSentEvent(event=event.type, id=str(event.id), raw_data=event.text)
