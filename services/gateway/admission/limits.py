"""How often one caller and one address may ask: counted in memory, or in Redis for several gateways."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Any

import structlog
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage, Storage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.errors import StorageError
from opentelemetry import metrics
from redis.asyncio import BlockingConnectionPool, ConnectionPool

# Redis next door answers in a millisecond; nobody waits long for one that does not.
STORAGE_SECONDS = 0.5
# A storage that failed is left alone for a while, so that its absence slows nothing down.
STORAGE_RETRY_SECONDS = 5.0
MOST_CONNECTIONS = 50
WINDOW_SECONDS = 60
# Counters in memory, some ten megabytes; each address and caller has two at most.
MOST_COUNTED = 100_000
LOOK_SECONDS = 10.0

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where somebody stands: `wait` is in whole seconds, 0 for who may go on."""

    limit: str
    most: int
    left: int
    resets_in: int
    wait: int

    @property
    def headers(self) -> dict[str, str]:
        """The fields of draft-ietf-httpapi-ratelimit-headers."""
        return {
            "RateLimit-Policy": f'"{self.limit}";q={self.most};w={WINDOW_SECONDS}',
            "RateLimit": f'"{self.limit}";r={self.left};t={self.resets_in}',
        }


class Memory(MemoryStorage):
    """Counts in this process. Looks for what has expired now and then, where its base does so at every hit:
    with the addresses of a flood that would be a flood of its own."""

    def __init__(self, *, most: int = MOST_COUNTED, now: Callable[[], float] = time.time) -> None:
        super().__init__(wrap_exceptions=True)
        self._most = most
        self._time = now
        self._next_look = now() + LOOK_SECONDS

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        await self.get(key)
        self._forget()
        self.storage[key] += amount
        self.expirations.setdefault(key, self._time() + expiry)
        return self.storage[key]

    def _forget(self) -> None:
        now = self._time()
        if now >= self._next_look:
            self._next_look = now + LOOK_SECONDS
            for key in [key for key, at in self.expirations.items() if at <= now]:
                del self.expirations[key]
                self.storage.pop(key, None)
        if len(self.storage) > self._most:
            # Memory is worth more than the counts of a minute.
            self.storage.clear()
            self.expirations.clear()


class RateLimits:
    """Sliding windows of a minute. While the storage is away everybody passes, and the log says so."""

    def __init__(
        self,
        url: str = "",
        *,
        seconds: float = STORAGE_SECONDS,
        storage: Storage | None = None,
        now: Callable[[], float] = time.monotonic,
        epoch: Callable[[], float] = time.time,
    ) -> None:
        """Counts in Redis at `redis://...` or `rediss://...`, or in memory without a `url`.

        A storage that takes longer than `seconds` is away.
        """
        self._pool = _pool(url, seconds) if url else None
        self._windows = SlidingWindowCounterRateLimiter(storage or _storage(url, self._pool))
        self._now = now
        self._epoch = epoch
        self._away_until = float("-inf")
        self._away = False
        meter = metrics.get_meter("dinsight.gateway")
        self._refused = meter.create_counter(
            "dinsight_gateway_rate_limited", "1", "Requests refused because there were too many, by limit"
        )

    async def close(self) -> None:
        """Close connections to the storage, if it has any."""
        if self._pool is not None:
            await self._pool.aclose()

    async def hit(self, limit: str, most: int, who: str) -> Standing | None:
        """Count a request of `who`; None when it cannot be counted, which passes."""
        if self._now() < self._away_until:
            return None
        item = RateLimitItemPerMinute(most, namespace=f"dinsight:{limit}")
        try:
            standing = await self._hit(item, limit, who)
        except (StorageError, OSError) as error:
            cause = error.storage_error if isinstance(error, StorageError) else error
            if not self._away:
                logger.error("rate limits are off: their storage is away", error=type(cause).__name__)
            self._away, self._away_until = True, self._now() + STORAGE_RETRY_SECONDS
            return None
        if self._away:
            logger.warning("rate limits are on again")
            self._away = False
        return standing

    async def _hit(self, item: RateLimitItem, limit: str, who: str) -> Standing:
        passed = await self._windows.hit(item, who)
        stats = await self._windows.get_window_stats(item, who)
        resets_in = min(max(0, ceil(stats.reset_time - self._epoch())), WINDOW_SECONDS)
        if not passed:
            self._refused.add(1, {"limit": limit})
        left = max(0, stats.remaining) if passed else 0
        return Standing(limit, item.amount, left, resets_in, 0 if passed else max(1, resets_in))


def _pool(url: str, seconds: float) -> ConnectionPool:
    # One that waits when all are in use: many requests at once must not look like an absent storage.
    return BlockingConnectionPool.from_url(
        url,
        max_connections=MOST_CONNECTIONS,
        timeout=seconds,
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
    )


def _storage(url: str, pool: ConnectionPool | None) -> Storage:
    if pool is None:
        return Memory()
    options: dict[str, Any] = {"connection_pool": pool}
    return RedisStorage(
        f"async+{url}",
        implementation="redispy",
        wrap_exceptions=True,
        key_prefix="dinsight:limits",
        **options,
    )
