"""Which counters a request hits."""

from collections.abc import Mapping
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from services.gateway.admission.api_keys import ApiKeys
from services.gateway.admission.limits import Quota, RateLimits
from services.gateway.admission.middleware import Admission, MaxRequests
from services.gateway.errors import RateLimited
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


async def ask(limits: RateLimits, client: str | None, path: str = "/api/v1/machines") -> None:
    async def no_keys() -> Mapping[str, Any]:
        return {}

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None: ...

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
        receive,
        send,
    )


@pytest.mark.parametrize(
    ("client", "who"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1:2:3", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        (None, "unknown"),
    ],
)
async def test_an_ipv6_address_is_counted_with_its_network(client: str | None, who: str) -> None:
    limits = RecordingLimits()
    await ask(limits, client)
    await ask(limits, client, "/api/v1/auth/login")
    assert limits.counted == [("address", who), ("address", who), ("sign-in", who)]


async def test_a_refused_request_carries_the_state_of_the_limit() -> None:
    with pytest.raises(RateLimited) as refused:
        await ask(RecordingLimits("address"), "192.0.2.1")
    assert refused.value.headers["Retry-After"] == "9"
    assert refused.value.headers["RateLimit"] == '"address";r=0;t=9'
