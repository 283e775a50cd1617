"""Access tokens are signed here; what they say is fixed in `shared/tokens.py`."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from joserfc import jwt

from services.auth.api_keys.domain import KeyGrant, KeyToken
from services.auth.keys.service import KeyRing
from services.auth.sign_in.domain import Grant, TokenPair
from shared.access import Role
from shared.clock import Clock, IdGenerator
from shared.tokens import ALGORITHM, API_KEY_CLAIM, AUDIENCE, ISSUER, TOKEN_TYPE

# An API key's token stays between gateway and services. The gateway asks anew after a minute; what a request
# began within that minute, such as an upload that asks another service, may end under the token.
KEY_TOKEN_LIFETIME = timedelta(minutes=5)


class AccessTokens:
    """Called outside transactions: the key ring may open its own."""

    def __init__(self, keys: KeyRing, clock: Clock, new_id: IdGenerator, lifetime: timedelta) -> None:
        self._keys = keys
        self._clock = clock
        self._new_id = new_id
        self._lifetime = lifetime

    async def issue(self, grant: Grant) -> TokenPair:
        """The tokens of a sign-in or a refresh."""
        claims = {
            "sub": str(grant.user.id),
            "sid": str(grant.session_id),
            "email": grant.user.email,
            "name": grant.user.full_name,
            "memberships": [_membership(m.organization_id, m.role) for m in grant.memberships],
        }
        token = await self._signed(claims, self._lifetime)
        return TokenPair(token, grant.refresh_token, int(self._lifetime.total_seconds()))

    async def issue_for_key(self, grant: KeyGrant) -> KeyToken:
        """The token of an API key: the user who made it, in the key's organization alone."""
        key = grant.key
        claims = {
            "sub": str(key.created_by),
            API_KEY_CLAIM: str(key.id),
            "email": grant.email,
            "name": grant.full_name,
            "memberships": [_membership(key.organization_id, grant.role)],
        }
        token = await self._signed(claims, KEY_TOKEN_LIFETIME)
        return KeyToken(token, int(KEY_TOKEN_LIFETIME.total_seconds()), key.id)

    async def _signed(self, claims: Mapping[str, Any], lifetime: timedelta) -> str:
        key = await self._keys.signing()
        now = int(self._clock.now().timestamp())
        common = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "jti": str(self._new_id()),
            "iat": now,
            "exp": now + int(lifetime.total_seconds()),
        }
        header = {"alg": ALGORITHM, "kid": key.kid, "typ": TOKEN_TYPE}
        return jwt.encode(header, {**claims, **common}, key, algorithms=[ALGORITHM])


def _membership(organization_id: UUID, role: Role) -> dict[str, str]:
    return {"organization_id": str(organization_id), "role": role.label}
