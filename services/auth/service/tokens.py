"""Access tokens are signed here; what they say is fixed in `shared/tokens.py`."""

from datetime import timedelta

from joserfc import jwt

from services.auth.domain import Grant, TokenPair
from services.auth.service.keys import KeyRing
from shared.clock import Clock, IdGenerator
from shared.tokens import ALGORITHM, AUDIENCE, ISSUER, TOKEN_TYPE


class AccessTokens:
    def __init__(self, keys: KeyRing, clock: Clock, new_id: IdGenerator, lifetime: timedelta) -> None:
        self._keys = keys
        self._clock = clock
        self._new_id = new_id
        self._lifetime = lifetime

    async def issue(self, grant: Grant) -> TokenPair:
        """Sign an access token. Called outside transactions: the key ring may open its own."""
        key = await self._keys.signing()
        now = int(self._clock.now().timestamp())
        expires_in = int(self._lifetime.total_seconds())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(grant.user.id),
            "sid": str(grant.session_id),
            "jti": str(self._new_id()),
            "email": grant.user.email,
            "name": grant.user.full_name,
            "memberships": [
                {"organization_id": str(m.organization_id), "role": m.role.label} for m in grant.memberships
            ],
            "iat": now,
            "exp": now + expires_in,
        }
        header = {"alg": ALGORITHM, "kid": key.kid, "typ": TOKEN_TYPE}
        token = jwt.encode(header, claims, key, algorithms=[ALGORITHM])
        return TokenPair(token, grant.refresh_token, expires_in)
