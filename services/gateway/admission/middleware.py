"""Who calls, and whether that is too often. An API key becomes an access token here."""

from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway import routing
from services.gateway.admission.api_keys import ApiKeys
from services.gateway.admission.limits import RateLimits, Standing
from services.gateway.errors import TooOften, TwoCredentials
from services.gateway.proxy import headers
from shared.errors import DInsightError, Unauthenticated, Unavailable
from shared.http.addresses import network_of
from shared.http.caller import Guard
from shared.tokens import Identity

# Where the presented key stands in the ASGI scope, for what outlives the exchange: the event stream.
PRESENTED_KEY = "dinsight.api_key"
# The verified caller, so that the proxy need not verify the token again.
IDENTITY = "dinsight.identity"
AUTHORIZATION = b"authorization"
# Asked for every few seconds by supervisors, and answered without any service.
NOT_COUNTED = ("/health/", "/metrics")


@dataclass(frozen=True, slots=True)
class Most:
    """Requests a minute."""

    address: int
    caller: int
    sign_in: int


class Admission:
    """ASGI middleware: counts the address, exchanges `X-API-Key`, verifies the token, counts the caller."""

    def __init__(
        self, app: ASGIApp, *, api_keys: ApiKeys, guard: Guard, limits: RateLimits, most: Most
    ) -> None:
        self._app = app
        self._api_keys = api_keys
        self._guard = guard
        self._limits = limits
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(NOT_COUNTED):
            return await self._app(scope, receive, send)
        standings: list[Standing] = []

        async def passing(message: Message) -> None:
            if message["type"] == "http.response.start" and standings:
                MutableHeaders(scope=message).update(standings[-1].headers)
            await send(message)

        try:
            scope = await self._admitted(scope, standings)
        except DInsightError as error:
            if standings:
                error.headers.update(standings[-1].headers)
            raise
        await self._app(scope, receive, passing)

    async def _admitted(self, scope: Scope, standings: list[Standing]) -> Scope:
        """The scope as the rest sees it. `standings` gets where the caller stands, the narrowest last."""
        address = network_of(scope["client"][0] if scope["client"] else None)
        await self._count(standings, "address", self._most.address, address)
        if routing.is_guarded(scope["method"], scope["path"]):
            await self._count(standings, "sign-in", self._most.sign_in, address)
        scope = await self._with_token(scope)
        identity = await self._identity(scope)
        if identity is not None:
            # A copy: what is added here is for this request alone.
            scope = {**scope, IDENTITY: identity}
            kind, id_ = ("key", identity.api_key_id) if identity.api_key_id else ("user", identity.user_id)
            await self._count(standings, "caller", self._most.caller, f"{kind}:{id_}")
        return scope

    async def _count(self, standings: list[Standing], limit: str, most: int, who: str) -> None:
        standing = await self._limits.hit(limit, most, who)
        if standing is None:
            return
        standings.append(standing)
        if standing.wait:
            raise TooOften(limit, standing.wait)

    async def _with_token(self, scope: Scope) -> Scope:
        presented = [value for name, value in scope["headers"] if name == headers.API_KEY]
        if not presented:
            return scope
        others = [pair for pair in scope["headers"] if pair[0] not in (headers.API_KEY, AUTHORIZATION)]
        if len(presented) > 1 or len(others) + 1 < len(scope["headers"]):
            raise TwoCredentials
        key = presented[0].decode("latin-1")
        token = await self._api_keys.token(key)
        bearer = (AUTHORIZATION, f"Bearer {token}".encode("latin-1"))
        return {**scope, "headers": [*others, bearer], PRESENTED_KEY: key}

    async def _identity(self, scope: Scope) -> Identity | None:
        authorization = Headers(scope=scope).get("Authorization")
        if authorization is None:
            return None
        try:
            return await self._guard.identify(authorization)
        except (Unauthenticated, Unavailable):
            # The route says what is wrong, unless it is one that asks for no token.
            return None
