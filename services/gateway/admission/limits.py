"""Rate limits: requests of callers and addresses, counted in memory, or in Redis for several gateways."""

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

# Redis on the same network responds in a millisecond; requests do not wait long for one that does not.
STORAGE_SECONDS = 0.5
# A failed storage is not asked again for a while, so that its outage does not slow requests down.
STORAGE_RETRY_SECONDS = 5.0
MAX_CONNECTIONS = 50
WINDOW_SECONDS = 60
# Counters in memory, about ten megabytes; each address and caller has at most two.
MAX_COUNTERS = 100_000
SWEEP_SECONDS = 10.0

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Quota:
    """What is left of a limit. `retry_after` is in whole seconds, 0 for a request that may pass."""

    limit: str
    max_requests: int
    remaining: int
    resets_in: int
    retry_after: int

    @property
    def headers(self) -> dict[str, str]:
        """The fields of draft-ietf-httpapi-ratelimit-headers."""
        return {
            "RateLimit-Policy": f'"{self.limit}";q={self.max_requests};w={WINDOW_SECONDS}',
            "RateLimit": f'"{self.limit}";r={self.remaining};t={self.resets_in}',
        }


class Memory(MemoryStorage):
    """Counters in this process. Expired ones are removed every few seconds and not at every hit, as the base
    class does: with the addresses of a flood, that would be a flood of its own."""

    def __init__(self, *, max_counters: int = MAX_COUNTERS, now: Callable[[], float] = time.time) -> None:
        super().__init__(wrap_exceptions=True)
        self._max_counters = max_counters
        self._time = now
        self._next_sweep = now() + SWEEP_SECONDS

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        await self.get(key)
        self._sweep()
        self.storage[key] += amount
        self.expirations.setdefault(key, self._time() + expiry)
        return self.storage[key]

    def _sweep(self) -> None:
        now = self._time()
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP_SECONDS
            for key in [key for key, at in self.expirations.items() if at <= now]:
                del self.expirations[key]
                self.storage.pop(key, None)
        if len(self.storage) > self._max_counters:
            # Bounded memory matters more than the counts of one minute.
            self.storage.clear()
            self.expirations.clear()


class RateLimits:
    """Sliding windows of one minute. While the storage is down all requests pass, and the log says so."""

    def __init__(
        self,
        url: str = "",
        *,
        seconds: float = STORAGE_SECONDS,
        storage: Storage | None = None,
        now: Callable[[], float] = time.monotonic,
        epoch: Callable[[], float] = time.time,
    ) -> None:
        """Count in Redis at `redis://...` or `rediss://...`, or in memory without a `url`.

        A storage that takes longer than `seconds` counts as down.
        """
        self._pool = _pool(url, seconds) if url else None
        self._windows = SlidingWindowCounterRateLimiter(storage or _storage(url, self._pool))
        self._now = now
        self._epoch = epoch
        self._down_until = float("-inf")
        self._down = False
        meter = metrics.get_meter("dinsight.gateway")
        self._refused = meter.create_counter(
            "dinsight_gateway_rate_limited", "1", "Requests refused by rate limits, by limit"
        )

    async def close(self) -> None:
        """Close connections to the storage, if it has any."""
        if self._pool is not None:
            await self._pool.aclose()

    async def hit(self, limit: str, max_requests: int, who: str) -> Quota | None:
        """Count a request of `who`; None when it cannot be counted, and may pass."""
        if self._now() < self._down_until:
            return None
        item = RateLimitItemPerMinute(max_requests, namespace=f"dinsight:{limit}")
        try:
            quota = await self._hit(item, limit, who)
        except (StorageError, OSError) as error:
            cause = error.storage_error if isinstance(error, StorageError) else error
            if not self._down:
                logger.error("rate limits are off: their storage is down", error=type(cause).__name__)
            self._down, self._down_until = True, self._now() + STORAGE_RETRY_SECONDS
            return None
        if self._down:
            logger.warning("rate limits are on again")
            self._down = False
        return quota

    async def _hit(self, item: RateLimitItem, limit: str, who: str) -> Quota:
        passed = await self._windows.hit(item, who)
        stats = await self._windows.get_window_stats(item, who)
        resets_in = min(max(0, ceil(stats.reset_time - self._epoch())), WINDOW_SECONDS)
        if not passed:
            self._refused.add(1, {"limit": limit})
        remaining = max(0, stats.remaining) if passed else 0
        return Quota(limit, item.amount, remaining, resets_in, 0 if passed else max(1, resets_in))


def _pool(url: str, seconds: float) -> ConnectionPool:
    # A pool that waits while all connections are in use: many requests at once must not look like an outage.
    return BlockingConnectionPool.from_url(
        url,
        max_connections=MAX_CONNECTIONS,
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
