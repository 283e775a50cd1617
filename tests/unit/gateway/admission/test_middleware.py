"""Which counters a request hits."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest
from starlette.types import Message, Receive, Scope, Send

from services.gateway.admission.api_keys import ApiKeys
from services.gateway.admission.limits import Quota, RateLimits
from services.gateway.admission.middleware import IDENTITY, Admission, MaxRequests
from services.gateway.errors import ApiKeyRefused, RateLimited
from shared.access import Identity
from shared.ended import AccessRevoked
from shared.errors import Unauthenticated
from shared.http.caller import Guard
from shared.http.peers import Peer
from shared.tokens import TokenVerifier

MAX_REQUESTS = MaxRequests(address=3, caller=3, sign_in=3)


class RecordingLimits(RateLimits):
    """Records what was counted; the limit `refusing` is exceeded."""

    def __init__(self, refusing: str = "") -> None:
        super().__init__()
        self.counted: list[tuple[str, str]] = []
        self._refusing = refusing

    async def hit(self, limit: str, max_requests: int, who: str) -> Quota:
        self.counted.append((limit, who))
        return Quota(limit, max_requests, 0, 9, 9 if limit == self._refusing else 0)


async def nothing(scope: Scope, receive: Receive, send: Send) -> None: ...


class Exchange(Peer):
    """Auth, as the exchange of keys sees it: gives one token after the other."""

    def __init__(self, *tokens: str) -> None:
        super().__init__("http://nowhere", name="auth")
        self._tokens = list(tokens)

    async def post(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        if not self._tokens:
            raise Unauthenticated("refused")
        return {"access_token": self._tokens.pop(0)}


class Refusing(Guard):
    """Refuses tokens that are outdated."""

    def __init__(self) -> None: ...

    async def identify(self, authorization: str | None) -> Identity:
        if "outdated" in str(authorization):
            raise AccessRevoked
        return Identity(UUID(int=1), "", "", {}, None, str(authorization))


async def test_the_token_of_a_key_that_says_too_much_is_exchanged_again() -> None:
    """A role was lowered, or the key deleted, while its token was kept."""
    seen: list[str] = []

    async def service(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope[IDENTITY].token)

    keys = ApiKeys(Exchange("outdated", "current"))
    admission = Admission(
        service, api_keys=keys, guard=Refusing(), limits=RecordingLimits(), max_requests=MAX_REQUESTS
    )
    headers = [(b"x-api-key", b"dk_1")]
    scope = {"type": "http", "method": "GET", "path": "/api/v1/machines", "headers": headers, "client": None}
    for _ in range(2):
        await admission(scope, no_message, no_answer)
    assert seen == ["Bearer current"] * 2
    keys = ApiKeys(Exchange("outdated"))
    admission = Admission(
        service, api_keys=keys, guard=Refusing(), limits=RecordingLimits(), max_requests=MAX_REQUESTS
    )
    with pytest.raises(ApiKeyRefused):
        await admission(scope, no_message, no_answer)


async def no_message() -> Message:
    return {"type": "http.disconnect"}


async def no_answer(message: Message) -> None: ...


async def ask(limits: RateLimits, client: str | None, path: str = "/api/v1/machines") -> None:
    async def no_keys() -> Mapping[str, Any]:
        return {}

    admission = Admission(
        nothing,
        api_keys=ApiKeys(Peer("http://127.0.0.1:1", name="auth")),
        guard=Guard(TokenVerifier(no_keys)),
        limits=limits,
        max_requests=MAX_REQUESTS,
    )
    await admission(
        {
            "type": "http",
            "method": "POST",
            "path": path,
            "headers": [],
            "client": (client, 1) if client else None,
        },
        no_message,
        no_answer,
    )


@pytest.mark.parametrize(
    ("client", "who", "sites"),
    [
        ("192.0.2.1", "192.0.2.1", ()),
        ("2001:db8::1", "2001:db8::/64", ("2001:db8::/56",)),
        ("2001:db8::ffff:1:2:3", "2001:db8::/64", ("2001:db8::/56",)),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64", ("2001:db8::/56",)),
        (None, "unknown", ()),
    ],
)
async def test_an_ipv6_address_is_counted_with_its_network_and_at_sign_in_with_its_site(
    client: str | None, who: str, sites: tuple[str, ...]
) -> None:
    limits = RecordingLimits()
    await ask(limits, client)
    await ask(limits, client, "/api/v1/auth/login")
    wide = [("sign-in", site) for site in sites]
    assert limits.counted == [("address", who), ("address", who), *wide, ("sign-in", who)]


async def test_a_refused_request_carries_the_state_of_the_limit() -> None:
    with pytest.raises(RateLimited) as refused:
        await ask(RecordingLimits("address"), "192.0.2.1")
    assert refused.value.headers["Retry-After"] == "9"
    assert refused.value.headers["RateLimit"] == '"address";r=0;t=9'
