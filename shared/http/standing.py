"""Whether the access that began a long response still stands, once its token has expired."""

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from shared.access import Caller, Identity, Role
from shared.ended import EndedAccess
from shared.errors import Unauthenticated

if TYPE_CHECKING:  # programs without an API have no such client
    from shared.http.peers import Peer

PATH = "/internal/access"
# As long as a deleted API key goes on working at the gateway.
CHECKED_FOR_SECONDS = 60.0

Holder = Caller | Identity


def holder_among(arguments: Iterable[Any]) -> Holder | None:
    """The caller among the arguments of a route; None if anybody may call it."""
    return next((each for each in arguments if isinstance(each, Caller | Identity)), None)


class Standing:
    """Asks auth once the token has expired: until then it counts, as for any other request, unless the
    access is among what has `ended`.

    Without `auth`, the access ends with the token.
    """

    def __init__(
        self,
        auth: "Peer | None" = None,
        ended: EndedAccess | None = None,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._auth = auth
        self._ended = ended or EndedAccess()
        self._now = now

    def of(self, arguments: Iterable[Any]) -> "Watch":
        return Watch(self, holder_among(arguments))

    def now(self) -> float:
        return self._now()

    def check_ended(self, holder: Holder) -> None:
        """Raises AccessRevoked if the access is known to have ended."""
        self._ended.check(holder)

    async def check(self, holder: Holder) -> None:
        """Raises Unauthenticated if the holder has lost the session, key, membership or role; Unavailable."""
        if self._auth is None:
            raise Unauthenticated("The access token has expired. Refresh it, or sign in again.")
        answer = await self._auth.post(
            PATH,
            {
                "user_id": str(holder.user_id),
                "session_id": _text(holder.session_id),
                "api_key_id": _text(holder.api_key_id),
                "organization_id": _text(_organization(holder)),
            },
        )
        claimed = {holder.organization_id: holder.role} if isinstance(holder, Caller) else holder.memberships
        now = {UUID(place): Role.parse(role) for place, role in answer["memberships"].items()}
        for organization_id, role in claimed.items():
            if organization_id not in now or now[organization_id] < role:
                raise Unauthenticated(
                    "Your role in the organization has changed since the access token was issued. Refresh the"
                    " token."
                )


def _organization(holder: Holder) -> UUID | None:
    """Where the holder acts: a key always in its own organization."""
    if isinstance(holder, Caller):
        return holder.organization_id
    return next(iter(holder.memberships), None) if holder.api_key_id else None


def _text(id_: UUID | None) -> str | None:
    return str(id_) if id_ else None


class Watch:
    """Checks one response's access: at once what has ended, and at most once a minute with auth."""

    def __init__(self, standing: Standing, holder: Holder | None) -> None:
        self._standing = standing
        self._holder = holder
        self._good_until = float("inf") if holder is None else holder.expires_at

    async def check(self) -> None:
        """Raises what `Standing.check` raises."""
        if self._holder is None:
            return
        self._standing.check_ended(self._holder)
        if self._standing.now() >= self._good_until:
            await self._standing.check(self._holder)
            self._good_until = self._standing.now() + CHECKED_FOR_SECONDS
