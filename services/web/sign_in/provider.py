"""Single sign-on: the browser goes to the provider and returns here, and the API finishes the flow."""

from http.cookies import SimpleCookie

from multidict import CIMultiDictProxy

from services.web.api.client import PREFIX, ApiClient
from services.web.errors import ApiBroken, ApiError
from services.web.sessions.domain import Session
from services.web.sessions.service import started
from services.web.sessions.visit import Visit

# Of the API, over https and without: binds the flow to the browser that began it. The page keeps its value
# under a name of its own.
API_COOKIES = ("__Host-dinsight_oidc", "dinsight_oidc")
FLOW_SECONDS = 600


class ProviderSignIn:
    def __init__(self, api: ApiClient) -> None:
        self._api = api

    async def begin(self, visit: Visit) -> tuple[str, str]:
        """The address of the provider, and the secret that the browser must bring back. Raises ApiError."""
        answer = await self._api.request("GET", f"{PREFIX}/auth/oidc/login", headers=visit.client_headers)
        async with answer:
            if answer.status != 302:
                problem = await answer.json(content_type=None)
                raise ApiError(answer.status, problem if isinstance(problem, dict) else {})
            secret = _secret(answer.headers)
            if not secret:
                raise ApiBroken
            return answer.headers["Location"], secret

    async def finish(self, visit: Visit, query: str, secret: str) -> Session:
        """The session of whoever signed in at the provider. Raises ApiError."""
        headers = {**visit.client_headers, "Cookie": "; ".join(f"{name}={secret}" for name in API_COOKIES)}
        return started(await self._api.json("GET", f"{PREFIX}/auth/oidc/callback?{query}", headers=headers))


def _secret(headers: CIMultiDictProxy[str]) -> str:
    for value in headers.getall("Set-Cookie", ()):
        jar: SimpleCookie = SimpleCookie(value)
        for name in API_COOKIES:
            if name in jar:
                return jar[name].value
    return ""
