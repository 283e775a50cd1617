"""Access that has ended while tokens that gave it are valid: sessions, keys, memberships, organizations."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from shared.access import Caller, Identity, Role
from shared.errors import Unauthenticated
from shared.events.auth import (
    ACCESS_ENDED,
    MEMBERSHIP_CHANGED,
    ORGANIZATION_CHANGED,
    AccessEnded,
    MembershipChanged,
    OrganizationChanged,
)
from shared.events.base import Event, Topic

TOPICS: tuple[Topic[Any], ...] = (ACCESS_ENDED, MEMBERSHIP_CHANGED, ORGANIZATION_CHANGED)
# Tokens are valid for an hour at most, and a little more where clocks differ.
REMEMBERED_FOR = timedelta(minutes=70)


@dataclass(frozen=True, slots=True)
class _State:
    """The role that is left, None where access has ended; and what sign-ins need from now on."""

    version: int
    role: Role | None
    demands: frozenset[str] = frozenset()


class AccessRevoked(Unauthenticated):
    """The token is genuine, but what it allowed was taken back since it was issued."""

    code = "access-ended"

    def __init__(self) -> None:
        super().__init__(
            "The access of this token has ended or was reduced. Refresh it, or sign in again.",
            headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
        )


class EndedAccess:
    """What has ended lately, from the events of auth. Ids are never used again.

    A membership is compared by its version, which the token has too: a token that was issued after the
    change stands, whichever of both arrives first and whatever the clocks say.
    """

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._states: OrderedDict[Hashable, _State] = OrderedDict()
        self._heard_at: dict[Hashable, float] = {}

    def add(self, event: Event[Any]) -> bool:
        """Note an event; False for one that takes nothing from anybody."""
        payload = event.payload
        if isinstance(payload, AccessEnded):
            ended = payload.session_id or payload.api_key_id
            return ended is not None and self._put(ended, _State(0, None))
        if isinstance(payload, MembershipChanged):
            role = Role.parse(payload.role) if payload.is_active and not payload.deleted else None
            place = (payload.organization_id, payload.user_id)
            return self._put(place, _State(payload.version, role)) and role is not Role.OWNER
        if isinstance(payload, OrganizationChanged):
            is_open = payload.is_active and not payload.deleted
            demands = frozenset(payload.demands)
            state = _State(payload.version, Role.OWNER if is_open else None, demands)
            return self._put(payload.organization_id, state) and (not is_open or bool(demands))
        return False

    def covers(self, holder: Identity | Caller) -> bool:
        """Whether anything that the token says is no longer true; for a caller, in its organization."""
        if holder.session_id in self._states or holder.api_key_id in self._states:
            return True
        if isinstance(holder, Caller):
            return self._takes(holder, holder.organization_id, holder.role)
        return any(self._takes(holder, place, role) for place, role in holder.memberships.items())

    def check(self, holder: Identity | Caller) -> None:
        """Raises AccessRevoked."""
        if self.covers(holder):
            raise AccessRevoked

    def _takes(self, holder: Identity | Caller, organization_id: UUID, claimed: Role) -> bool:
        """Whether the holder has lost the role in the organization, or signed in too weakly for it."""
        nothing = _State(0, claimed)
        organization = self._states.get(organization_id, nothing)
        if organization.role is None or organization.demands & holder.lacks:
            return True
        own = self._states.get((organization_id, holder.user_id), nothing)
        is_newer = own.version > holder.versions.get(organization_id, 0)
        return is_newer and (own.role is None or own.role < claimed)

    def _put(self, key: Hashable, state: _State) -> bool:
        """Keep the newer of both states; False if that is the known one."""
        now = self._monotonic()
        known = self._states.get(key)
        if known is not None and known.version > state.version:
            return False
        self._states[key] = state
        self._states.move_to_end(key)
        self._heard_at[key] = now
        self._forget(now - REMEMBERED_FOR.total_seconds())
        return known != state

    def _forget(self, before: float) -> None:
        """Drop what no valid token can contradict any more."""
        while self._states and self._heard_at[oldest := next(iter(self._states))] < before:
            del self._states[oldest], self._heard_at[oldest]
