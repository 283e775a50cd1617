"""Issues access tokens, with the claims that `shared/tokens.py` defines."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from joserfc import jwt

from services.auth.api_keys.domain import KeyGrant, KeyToken
from services.auth.keys.domain import TokenPair
from services.auth.keys.service import KeyRing
from services.auth.sessions.domain import Grant
from services.auth.sessions.methods import lacked
from shared.access import Role
from shared.clock import Clock, IdGenerator
from shared.tokens import ALGORITHM, API_KEY_CLAIM, AUDIENCE, BARRED_CLAIM, ISSUER, LACKS_CLAIM, TOKEN_TYPE

# The token of an API key never leaves the platform. The gateway renews it every minute; a request that starts
# within that minute, such as an upload that calls another service, may finish with the old token.
KEY_TOKEN_LIFETIME = timedelta(minutes=5)


class AccessTokens:
    """Call it outside transactions: the key ring may open its own."""

    def __init__(self, keys: KeyRing, clock: Clock, new_id: IdGenerator, lifetime: timedelta) -> None:
        self._keys = keys
        self._clock = clock
        self._new_id = new_id
        self._lifetime = lifetime

    async def issue(self, grant: Grant) -> TokenPair:
        """The tokens for a sign-in or a refresh."""
        claims: dict[str, Any] = {
            "sub": str(grant.user.id),
            "sid": str(grant.session_id),
            "email": grant.user.email,
            "name": grant.user.full_name,
            "memberships": [_membership(m.organization_id, m.role, m.version) for m in grant.memberships],
        }
        # An organization may demand it later, while the token is valid.
        claims[LACKS_CLAIM] = [str(demand) for demand in lacked(grant.methods)]
        if grant.barred:
            claims[BARRED_CLAIM] = {str(place): str(demand) for place, demand in grant.barred.items()}
        token = await self._signed(claims, self._lifetime)
        return TokenPair(token, grant.refresh_token, int(self._lifetime.total_seconds()))

    async def issue_for_key(self, grant: KeyGrant) -> KeyToken:
        """The token for an API key: its creator, in the organization of the key only."""
        key = grant.key
        claims = {
            "sub": str(key.created_by),
            API_KEY_CLAIM: str(key.id),
            "email": grant.email,
            "name": grant.full_name,
            "memberships": [_membership(key.organization_id, grant.role, grant.version)],
        }
        left = key.expires_at - self._clock.now() if key.expires_at else KEY_TOKEN_LIFETIME
        lifetime = min(left, KEY_TOKEN_LIFETIME)
        token = await self._signed(claims, lifetime)
        return KeyToken(token, int(lifetime.total_seconds()), key.id)

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


def _membership(organization_id: UUID, role: Role, version: int) -> dict[str, str | int]:
    return {"organization_id": str(organization_id), "role": role.label, "version": version}
