"""FastAPI dependencies that identify the caller and check its permissions."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Protocol
from uuid import UUID

import structlog
from fastapi import Depends, Header
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from shared.access import Caller, Identity, Permission
from shared.errors import Forbidden, Unauthenticated
from shared.tokens import TokenVerifier

API_KEY_HEADER = "X-API-Key"
bearer_scheme = HTTPBearer(auto_error=False, description="An access token from POST /auth/login")
# For the OpenAPI document: the gateway exchanges a key for an access token, and services see only the token.
key_scheme = APIKeyHeader(
    name=API_KEY_HEADER,
    auto_error=False,
    description="An API key from POST /organizations/{id}/api-keys, for programs; instead of a token",
)
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer_scheme)]


class AccessCheck(Protocol):
    async def check(self, identity: Identity) -> None:
        """Raises Unauthenticated if the access of the token has ended, and Unavailable."""
        ...


class Guard:
    """Provides the dependencies of a service's routes: `Depends(guard.may(Permission.MACHINES_READ))`."""

    def __init__(self, verifier: TokenVerifier, access: AccessCheck | None = None) -> None:
        """Without `access`, a token gives access until it expires."""
        self._verifier = verifier
        self._access = access

    async def identify(self, authorization: str | None) -> Identity:
        """The user behind an Authorization header. Raises Unauthenticated, Unavailable."""
        kind, _, token = (authorization or "").partition(" ")
        if kind.lower() != "bearer" or not token:
            raise Unauthenticated(
                "Sign in: send an access token as Authorization: Bearer ... or an API key as X-API-Key.",
                headers={"WWW-Authenticate": "Bearer"},
            )
        identity = await self._verifier.verify(token.strip())
        if self._access is not None:
            await self._access.check(identity)
        return identity

    async def identity(
        self, credentials: Bearer, _key: Annotated[str | None, Depends(key_scheme)]
    ) -> Identity:
        """The signed-in user or the API key, in any organization."""
        return await self.identify(f"{credentials.scheme} {credentials.credentials}" if credentials else None)

    async def person(self, credentials: Bearer) -> Identity:
        """The signed-in user. Raises Forbidden for an API key: it has no account and admits nobody."""
        identity = await self.identity(credentials, None)
        if identity.api_key_id is not None:
            raise Forbidden(
                "API keys cannot manage accounts, organizations, members, invitations or API keys. Sign in"
                " with POST /auth/login."
            )
        return identity

    def may(self, permission: Permission) -> Callable[..., Awaitable[Caller]]:
        """A dependency that returns the caller in the active organization, if the role has `permission`."""

        async def caller(
            identity: Annotated[Identity, Depends(self.identity)],
            x_organization_id: Annotated[
                UUID | None, Header(description="The active organization; required if the caller has several")
            ] = None,
        ) -> Caller:
            found = identity.in_organization(x_organization_id)
            found.require(permission)
            structlog.contextvars.bind_contextvars(
                organization_id=str(found.organization_id), user_id=str(found.user_id)
            )
            return found

        return caller
