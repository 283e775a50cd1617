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
from shared.infrastructure import JWKS_PATH
from shared.tokens import ALGORITHM, AUDIENCE, ISSUER, TOKEN_TYPE


class TokenIssuer:
    def __init__(self) -> None:
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
        header = {"alg": ALGORITHM, "kid": "test", "typ": TOKEN_TYPE}
        return jwt.encode(header, claims | overrides, self._key, algorithms=[ALGORITHM])

    def headers(self, organization_id: UUID, role: Role = Role.OWNER, **options: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.issue(organization_id, role, **options)}"}

    def jwks(self) -> dict[str, Any]:
        return dict(KeySet([self._key]).as_dict(private=False))

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Publish the key as auth does; gives the base URL."""

        async def keys(_request: web.Request) -> web.Response:
            return web.json_response(self.jwks())

        app = web.Application()
        app.router.add_get(JWKS_PATH, keys)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        try:
            yield f"http://{host}:{port}"
        finally:
            await runner.cleanup()
