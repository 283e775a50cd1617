"""Rate limits by address and by caller, and the exchange of API keys for access tokens."""

import re
from dataclasses import dataclass
from uuid import UUID

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway import routing
from services.gateway.admission.api_keys import ApiKeys
from services.gateway.admission.limits import Quota, RateLimits
from services.gateway.errors import ApiKeyRefused, RateLimited, TwoCredentials
from services.gateway.proxy import headers
from shared.access import Identity
from shared.errors import DInsightError, Unauthenticated, Unavailable
from shared.http.addresses import IPV6_SITE_PREFIX, network_of
from shared.http.caller import Guard
from shared.http.pages import ORGANIZATION_HEADER

# The presented API key in the ASGI scope: the event stream outlives the token that it was exchanged for.
PRESENTED_KEY = "dinsight.api_key"
# The verified caller in the ASGI scope, so that the proxy does not verify the token again.
IDENTITY = "dinsight.identity"
AUTHORIZATION = b"authorization"
# The public part of a key is its id.
API_KEY = re.compile("dk_(?P<id>[0-9a-f]{32})_[0-9a-f]{64}")
# Requested every few seconds by supervisors, and answered without any service.
NOT_COUNTED = ("/health/", "/metrics")
# An IPv6 /56 is one home or plant, of which so many networks may sign in as often as an address may.
MAX_NETWORKS_OF_SITE = 4


@dataclass(frozen=True, slots=True)
class MaxRequests:
    """Limits, in requests per minute."""

    address: int
    caller: int
    sign_in: int


class Admission:
    """ASGI middleware: counts the address, exchanges `X-API-Key`, verifies the token, counts the caller."""

    def __init__(
        self, app: ASGIApp, *, api_keys: ApiKeys, guard: Guard, limits: RateLimits, max_requests: MaxRequests
    ) -> None:
        self._app = app
        self._api_keys = api_keys
        self._guard = guard
        self._limits = limits
        self._max = max_requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(NOT_COUNTED):
            return await self._app(scope, receive, send)
        quotas: list[Quota] = []

        async def forward(message: Message) -> None:
            if message["type"] == "http.response.start" and quotas:
                MutableHeaders(scope=message).update(quotas[-1].headers)
            await send(message)

        try:
            scope = await self._admitted(scope, quotas)
        except DInsightError as error:
            if quotas:
                error.headers.update(quotas[-1].headers)
            raise
        await self._app(scope, receive, forward)

    async def _admitted(self, scope: Scope, quotas: list[Quota]) -> Scope:
        """The scope for the rest of the application. `quotas` collects the limits, the narrowest last."""
        client = scope["client"][0] if scope["client"] else None
        address, site = network_of(client), network_of(client, IPV6_SITE_PREFIX)
        await self._count(quotas, "address", self._max.address, address)
        if routing.is_guarded(scope["method"], scope["path"]):
            if site != address:
                await self._count(quotas, "sign-in", self._max.sign_in * MAX_NETWORKS_OF_SITE, site)
            await self._count(quotas, "sign-in", self._max.sign_in, address)
        presented, scope = scope, await self._with_token(scope)
        identity = await self._identity(scope)
        if identity is None and PRESENTED_KEY in scope:
            # The kept token says more than the key may do by now, or the key has ended.
            self._api_keys.drop(scope[PRESENTED_KEY])
            scope = await self._with_token(presented)
            identity = await self._identity(scope)
        if identity is not None:
            # The access log, which is written outside of this, says who.
            structlog.contextvars.bind_contextvars(**_named(identity, scope))
            # A copy, because the caller's scope is not ours to change.
            scope = {**scope, IDENTITY: identity}
            kind, id_ = ("key", identity.api_key_id) if identity.api_key_id else ("user", identity.user_id)
            await self._count(quotas, "caller", self._max.caller, f"{kind}:{id_}")
        return scope

    async def _count(self, quotas: list[Quota], limit: str, max_requests: int, who: str) -> None:
        quota = await self._limits.hit(limit, max_requests, who)
        if quota is None:
            return
        quotas.append(quota)
        if quota.retry_after:
            raise RateLimited(limit, quota.retry_after)

    async def _with_token(self, scope: Scope) -> Scope:
        presented = [value for name, value in scope["headers"] if name == headers.API_KEY]
        if not presented:
            return scope
        others = [pair for pair in scope["headers"] if pair[0] not in (headers.API_KEY, AUTHORIZATION)]
        if len(presented) > 1 or len(others) + 1 < len(scope["headers"]):
            raise TwoCredentials
        key = presented[0].decode("latin-1")
        try:
            token = await self._api_keys.token(key)
        except ApiKeyRefused:
            if (shape := API_KEY.fullmatch(key)) is not None:
                structlog.contextvars.bind_contextvars(api_key_id=str(UUID(shape["id"])))
            raise
        bearer = (AUTHORIZATION, f"Bearer {token}".encode("latin-1"))
        return {**scope, "headers": [*others, bearer], PRESENTED_KEY: key}

    async def _identity(self, scope: Scope) -> Identity | None:
        authorization = Headers(scope=scope).get("Authorization")
        if authorization is None:
            return None
        try:
            return await self._guard.identify(authorization)
        except (Unauthenticated, Unavailable):
            # The route reports it, unless it is one that needs no token.
            return None


def _named(identity: Identity, scope: Scope) -> dict[str, str]:
    """Who asks, for the log. The organization is the one that the caller asks for, or its only one."""
    asked = Headers(scope=scope).get(ORGANIZATION_HEADER)
    known = {str(each) for each in identity.memberships}
    organization = asked if asked in known else next(iter(known)) if not asked and len(known) == 1 else None
    named = {
        "user_id": str(identity.user_id),
        "api_key_id": str(identity.api_key_id) if identity.api_key_id else None,
        "organization_id": organization,
    }
    return {name: value for name, value in named.items() if value is not None}
