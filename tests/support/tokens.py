"""An issuer of access tokens for tests: signs like auth does, and publishes its key over HTTP."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey

from shared.access import Role
from shared.http.standing import PATH as ACCESS_PATH
from shared.infrastructure import JWKS_PATH
from shared.tokens import ALGORITHM, AUDIENCE, ISSUER, TOKEN_TYPE, TokenVerifier


class TokenIssuer:
    def __init__(self) -> None:
        # The roles in each token, by its session.
        self._issued: dict[str | None, dict[str, str]] = {}
        self._key = OKPKey.generate_key("Ed25519", parameters={"kid": "test", "use": "sig", "alg": ALGORITHM})

    def issue(
        self,
        organization_id: UUID,
        role: Role = Role.OWNER,
        *,
        user_id: UUID | None = None,
        more: Mapping[UUID, Role] | None = None,
        **overrides: Any,
    ) -> str:
        """A token for a user with `role` in the organization, and with the roles in `more` in others."""
        now = int(time.time())
        memberships = {organization_id: role, **(more or {})}
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(user_id or uuid4()),
            "sid": str(uuid4()),
            "email": "engineer@example.org",
            "name": "Test Engineer",
            "memberships": [
                {"organization_id": str(id_), "role": member.label} for id_, member in memberships.items()
            ],
            "iat": now,
            "exp": now + 900,
        }
        claims |= overrides
        self._issued[claims["sid"]] = {str(id_): member.label for id_, member in memberships.items()}
        header = {"alg": ALGORITHM, "kid": "test", "typ": TOKEN_TYPE}
        return jwt.encode(header, claims, self._key, algorithms=[ALGORITHM])

    def headers(self, organization_id: UUID, role: Role = Role.OWNER, **options: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.issue(organization_id, role, **options)}"}

    async def confirm(self, request: web.Request) -> web.Response:
        """Answer as auth does about access that stands: services ask while they do not hear of ends."""
        return web.json_response(self.standing(await request.json()))

    def standing(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        place = asked["organization_id"]
        now = self._issued.get(asked["session_id"], {place: Role.OWNER.label} if place else {})
        return {"role": now.get(place), "memberships": now}

    def jwks(self) -> dict[str, Any]:
        return dict(KeySet([self._key]).as_dict(private=False))

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Publish the key as auth does; gives the base URL."""

        async def keys(_request: web.Request) -> web.Response:
            return web.json_response(self.jwks())

        app = web.Application()
        app.router.add_get(JWKS_PATH, keys)
        app.router.add_post(ACCESS_PATH, self.confirm)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        try:
            yield f"http://{host}:{port}"
        finally:
            await runner.cleanup()


def verifier_of(issuer: TokenIssuer) -> TokenVerifier:
    """Verifies the issuer's tokens."""

    async def keys() -> Mapping[str, Any]:
        return issuer.jwks()

    return TokenVerifier(keys)
