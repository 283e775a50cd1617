"""Access tokens: their claims, and their verification with the keys that auth publishes (JWKS, RFC 7517)."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID

import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from shared.access import Identity, Role
from shared.errors import Unauthenticated, Unavailable

ALGORITHM = "Ed25519"
ISSUER = "dinsight"
AUDIENCE = "dinsight-api"
TOKEN_TYPE = "at+jwt"  # noqa: S105 - the media type of RFC 9068, not a secret
# The id of the API key that the token was issued for. Tokens of people do not have this claim.
API_KEY_CLAIM = "akid"
# The user's other organizations, and what this sign-in lacks to act in each.
BARRED_CLAIM = "barred"
# What the sign-in did not have, of all that organizations may demand. Tokens of API keys have no such claim.
LACKS_CLAIM = "lacks"
CLOCK_LEEWAY_SECONDS = 30
KEYS_FRESH_SECONDS = 600.0
# An unknown key id may be a new key or an attacker's invention: fetch keys again, but at most this often.
KEYS_RETRY_SECONDS = 5.0

FetchKeys = Callable[[], Awaitable[Mapping[str, Any]]]
logger = structlog.get_logger(__name__)


class TokenVerifier:
    """Verifies signature, times, issuer and audience of tokens. Fetches and caches the public keys."""

    def __init__(self, fetch_keys: FetchKeys, *, now: Callable[[], float] = time.time) -> None:
        self._fetch_keys = fetch_keys
        self._now = now
        self._keys: KeySet | None = None
        self._fetched_at = self._tried_at = float("-inf")
        self._fetch: asyncio.Task[None] | None = None

    async def verify(self, token: str) -> Identity:
        """Return the user of the token. Raises Unauthenticated, or Unavailable if no keys can be fetched."""
        keys = await self._known_keys()
        try:
            try:
                decoded = jwt.decode(token, keys, algorithms=[ALGORITHM])
            except (JoseError, ValueError):
                keys = await self._latest_keys()
                decoded = jwt.decode(token, keys, algorithms=[ALGORITHM])
            # Auth uses no critical extensions (`crit`), so a token that has one is not from auth.
            if decoded.header.get("typ") != TOKEN_TYPE or "crit" in decoded.header:
                raise Unauthenticated("This is not an access token. Sign in again.")
            self._registry().validate(decoded.claims)
            return self._identity(decoded.claims, token)
        except (JoseError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise Unauthenticated(
                "The access token is not valid or has expired. Refresh it, or sign in again.",
                headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
            ) from error

    def _registry(self) -> jwt.JWTClaimsRegistry:
        return jwt.JWTClaimsRegistry(
            now=int(self._now()),
            leeway=CLOCK_LEEWAY_SECONDS,
            iss={"essential": True, "value": ISSUER},
            aud={"essential": True, "value": AUDIENCE},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
        )

    @staticmethod
    def _identity(claims: Mapping[str, Any], token: str) -> Identity:
        session, api_key = claims.get("sid"), claims.get(API_KEY_CLAIM)
        memberships = {UUID(m["organization_id"]): m for m in claims["memberships"]}
        return Identity(
            user_id=UUID(claims["sub"]),
            email=claims["email"],
            full_name=claims["name"],
            memberships={id_: Role.parse(m["role"]) for id_, m in memberships.items()},
            session_id=UUID(session) if session else None,
            token=token,
            expires_at=float(claims["exp"]),
            api_key_id=UUID(api_key) if api_key else None,
            lacks=frozenset(str(demand) for demand in claims.get(LACKS_CLAIM, ())),
            barred={UUID(place): str(demand) for place, demand in claims.get(BARRED_CLAIM, {}).items()},
            # Tokens of the previous version have none: any later change of the role counts.
            versions={id_: int(m.get("version", 0)) for id_, m in memberships.items()},
        )

    async def _known_keys(self) -> KeySet:
        """The cached keys. When they are old, one request fetches them, and the others go on with these."""
        is_old = self._now() - self._fetched_at > KEYS_FRESH_SECONDS
        if self._keys is None or (is_old and self._may_fetch()):
            return await self._latest_keys()
        return self._keys

    async def _latest_keys(self) -> KeySet:
        """The keys of now, or of some seconds ago. Requests at the same time share a fetch."""
        if self._fetch is None or self._fetch.done():
            if self._keys is not None and not self._may_fetch():
                return self._keys
            self._tried_at = self._now()
            self._fetch = asyncio.create_task(self._fetch_now())
        # A request that is cancelled does not take the fetch away from the others.
        await asyncio.shield(self._fetch)
        if self._keys is None:
            raise Unavailable("The access token cannot be verified at the moment. Try again shortly.")
        return self._keys

    def _may_fetch(self) -> bool:
        """Failed attempts count: auth may hang, and then each of them takes seconds."""
        return self._now() - self._tried_at > KEYS_RETRY_SECONDS

    async def _fetch_now(self) -> None:
        try:
            self._keys = KeySet.import_key_set(dict(await self._fetch_keys()))  # type: ignore[arg-type]
            self._fetched_at = self._now()
        except (OSError, TimeoutError, JoseError, ValueError) as error:
            # The cached keys stay in use while auth is unavailable.
            logger.warning("signing keys could not be fetched", error=str(error))
