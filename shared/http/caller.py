"""FastAPI dependencies that say who calls, and whether that caller may."""

from collections.abc import Awaitable, Callable
from typing import Annotated
from uuid import UUID

import structlog
from fastapi import Depends, Header
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from shared.access import Caller, Permission
from shared.errors import Unauthenticated
from shared.tokens import Identity, TokenVerifier

bearer_scheme = HTTPBearer(auto_error=False, description="An access token from POST /auth/login")


class Guard:
    """Makes the dependencies of a service's routes: `Depends(guard.may(Permission.MACHINES_READ))`."""

    def __init__(self, verifier: TokenVerifier) -> None:
        self._verifier = verifier

    async def identify(self, authorization: str | None) -> Identity:
        """The user behind an Authorization header. Raises Unauthenticated."""
        kind, _, token = (authorization or "").partition(" ")
        if kind.lower() != "bearer" or not token:
            raise Unauthenticated(
                "Sign in first: send an access token as Authorization: Bearer ...",
                headers={"WWW-Authenticate": "Bearer"},
            )
        return await self._verifier.verify(token.strip())

    async def identity(
        self, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer_scheme)]
    ) -> Identity:
        """The signed-in user, whatever the organization."""
        return await self.identify(f"{credentials.scheme} {credentials.credentials}" if credentials else None)

    def may(self, permission: Permission) -> Callable[..., Awaitable[Caller]]:
        """A dependency that gives the caller in the active organization, if the role has `permission`."""

        async def caller(
            identity: Annotated[Identity, Depends(self.identity)],
            x_organization_id: Annotated[
                UUID | None, Header(description="The active organization, when the caller has several")
            ] = None,
        ) -> Caller:
            found = identity.in_organization(x_organization_id)
            found.require(permission)
            structlog.contextvars.bind_contextvars(
                organization_id=str(found.organization_id), user_id=str(found.user_id)
            )
            return found

        return caller
