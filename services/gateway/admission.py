"""Who calls: an API key becomes an access token here, so that everything behind sees tokens only."""

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from services.gateway import headers
from services.gateway.api_keys import ApiKeys
from services.gateway.errors import TwoCredentials
from shared.errors import DInsightError
from shared.http.problems import render

# Where the presented key stands in the ASGI scope, for what outlives the exchange: the event stream.
PRESENTED_KEY = "dinsight.api_key"
AUTHORIZATION = b"authorization"


class KeyAdmission:
    """ASGI middleware: `X-API-Key` becomes `Authorization: Bearer`."""

    def __init__(self, app: ASGIApp, api_keys: ApiKeys) -> None:
        self._app = app
        self._api_keys = api_keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                scope = await self._admitted(scope)
            except DInsightError as error:
                answer = render(
                    Request(scope),
                    error.status,
                    error.title,
                    error.detail,
                    code=error.code,
                    headers=error.headers,
                )
                return await answer(scope, receive, send)
        await self._app(scope, receive, send)

    async def _admitted(self, scope: Scope) -> Scope:
        presented = [value for name, value in scope["headers"] if name == headers.API_KEY]
        if not presented:
            return scope
        others = [pair for pair in scope["headers"] if pair[0] not in (headers.API_KEY, AUTHORIZATION)]
        if len(presented) > 1 or len(others) + 1 < len(scope["headers"]):
            raise TwoCredentials
        key = presented[0].decode("latin-1")
        token = await self._api_keys.token(key)
        bearer = (AUTHORIZATION, f"Bearer {token}".encode("latin-1"))
        # A copy: whoever logs the original scope does not log the token.
        return {**scope, "headers": [*others, bearer], PRESENTED_KEY: key}
