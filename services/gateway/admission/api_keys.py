"""API keys are exchanged at auth for short-lived access tokens, which are cached for a minute."""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from opentelemetry import metrics

from services.gateway.errors import ApiKeyRefused
from shared.errors import Unauthenticated
from shared.http.peers import Peer

EXCHANGE_PATH = "/internal/api-keys/token"
# An expired key works until its cached token is dropped: for a minute at most.
KEPT_SECONDS = 60.0
# A flood with one bad key costs one request to auth in this time; a key created meanwhile works soon.
REFUSED_SECONDS = 10.0
# A few megabytes at most, whatever clients send.
MAX_KEPT = 10_000
MAX_KEY_LENGTH = 200


@dataclass(frozen=True, slots=True)
class KeyLease:
    """The access token of a key until `until` (seconds of the monotonic clock); None for a refused key."""

    token: str | None = field(repr=False)
    until: float


class ApiKeys:
    """Gives the access token of a key. Keys are cached by their hash only."""

    def __init__(
        self,
        auth: Peer,
        *,
        now: Callable[[], float] = time.monotonic,
        epoch: Callable[[], float] = time.time,
        max_kept: int = MAX_KEPT,
    ) -> None:
        self._auth = auth
        self._now = now
        self._epoch = epoch
        self._most_kept = max_kept
        self._kept: OrderedDict[bytes, KeyLease] = OrderedDict()
        self._asked: dict[bytes, asyncio.Task[KeyLease]] = {}
        meter = metrics.get_meter("dinsight.gateway")
        self._exchanges = meter.create_counter(
            "dinsight_gateway_key_exchanges", "1", "API keys exchanged at auth, by outcome"
        )

    async def token(self, key: str) -> str:
        """The access token. Raises ApiKeyRefused, or Unavailable while auth is down."""
        lease = await self.lease(key)
        if lease.token is None:
            raise ApiKeyRefused
        return lease.token

    def drop(self, key: str) -> None:
        """Forget the token of the key: the next request exchanges it again."""
        self._kept.pop(_digest(key), None)

    async def good_until(self, key: str) -> float:
        """Until when the key is valid without a new exchange (seconds since the epoch). Raises as `token`."""
        lease = await self.lease(key)
        if lease.token is None:
            raise ApiKeyRefused
        return self._epoch() + lease.until - self._now()

    async def lease(self, key: str) -> KeyLease:
        if len(key) > MAX_KEY_LENGTH:
            raise ApiKeyRefused
        digest = _digest(key)
        kept = self._kept.get(digest)
        if kept is not None and self._now() < kept.until:
            return kept
        # Concurrent requests share one exchange, which a client that hangs up does not cancel.
        task = self._asked.get(digest)
        if task is None:
            task = self._asked[digest] = asyncio.create_task(self._exchange(key))
            task.add_done_callback(lambda done: self._keep(digest, done))
        return await asyncio.shield(task)

    async def _exchange(self, key: str) -> KeyLease:
        # Counted from the request to auth: the answer was true then, and may be outdated now.
        began = self._now()
        try:
            answer = await self._auth.post(EXCHANGE_PATH, {"api_key": key})
        except Unauthenticated:
            self._exchanges.add(1, {"outcome": "refused"})
            return KeyLease(None, began + REFUSED_SECONDS)
        self._exchanges.add(1, {"outcome": "accepted"})
        return KeyLease(answer["access_token"], began + KEPT_SECONDS)

    def _keep(self, digest: bytes, done: "asyncio.Task[KeyLease]") -> None:
        self._asked.pop(digest, None)
        if done.cancelled() or done.exception() is not None:
            return
        self._kept[digest] = done.result()
        self._kept.move_to_end(digest)
        while len(self._kept) > self._most_kept:
            self._kept.popitem(last=False)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "replace")).digest()
