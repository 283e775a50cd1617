"""Limits by caller and by address, counted in memory."""

import pytest
from limits.aio.storage import MemoryStorage
from limits.errors import StorageError
from pydantic import SecretStr, ValidationError
from structlog.testing import capture_logs

from services.gateway.admission.limits import (
    STORAGE_RETRY_SECONDS,
    SWEEP_SECONDS,
    Memory,
    Quota,
    RateLimits,
)
from services.gateway.routing import is_guarded, is_open
from services.gateway.settings import Settings

MAX = 5


async def quotas(limits: RateLimits, who: str, count: int = 3 * MAX) -> list[Quota]:
    """A series of requests; around the turn of a minute a few more than usual pass."""
    found = [await limits.hit("caller", MAX, who) for _ in range(count)]
    return [quota for quota in found if quota is not None]


async def test_refused_requests_say_when_to_try_again() -> None:
    found = await quotas(RateLimits(), "ada")
    assert [s.retry_after for s in found[:MAX]] == [0] * MAX
    refused = [s for s in found if s.retry_after]
    assert len(refused) >= MAX
    assert all(1 <= s.retry_after <= 60 and s.remaining == 0 for s in refused)
    assert refused[0].headers["RateLimit-Policy"] == '"caller";q=5;w=60'
    assert refused[0].headers["RateLimit"].startswith('"caller";r=0;t=')


async def test_the_remaining_requests_are_reported() -> None:
    found = await quotas(RateLimits(), "ada", count=2)
    assert found[0].remaining > found[1].remaining >= MAX - 3


async def test_callers_and_limits_are_counted_separately() -> None:
    limits = RateLimits()
    await quotas(limits, "ada")
    other = await limits.hit("caller", MAX, "eva")
    elsewhere = await limits.hit("sign-in", MAX, "ada")
    assert other is not None
    assert elsewhere is not None
    assert (other.retry_after, elsewhere.retry_after) == (0, 0)


async def test_memory_removes_expired_counters_and_is_bounded() -> None:
    seconds = 1_000_000.0
    memory = Memory(max_counters=50, now=lambda: seconds)
    for number in range(20):
        assert await memory.incr(f"old {number}", 5) == 1
    seconds += SWEEP_SECONDS
    assert await memory.incr("new", 5) == 1
    assert set(memory.storage) == set(memory.expirations) == {"new"}
    for number in range(1000):
        await memory.incr(f"flood {number}", 60)
        assert len(memory.storage) <= 51


class Unreliable(MemoryStorage):
    """Fails while `down`."""

    down = True
    asked = 0

    async def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        self.asked += 1
        if self.down:
            raise StorageError(ConnectionError("refused"))
        return await super().acquire_sliding_window_entry(key, limit, expiry, amount)


async def test_requests_pass_while_the_storage_is_down_and_it_is_logged_once() -> None:
    storage, seconds = Unreliable(), 0.0
    limits = RateLimits(storage=storage, now=lambda: seconds)
    with capture_logs() as log:
        assert await quotas(limits, "ada") == []
        # Tried once, and then not for a while.
        assert storage.asked == 1
        seconds += STORAGE_RETRY_SECONDS
        assert await quotas(limits, "ada") == []
        assert storage.asked == 2
        storage.down = False
        seconds += STORAGE_RETRY_SECONDS
        assert len(await quotas(limits, "ada")) == 3 * MAX
    assert [entry["event"] for entry in log] == [
        "rate limits are off: their storage is down",
        "rate limits are on again",
    ]


async def test_an_unreachable_redis_is_a_storage_that_is_down() -> None:
    limits = RateLimits("redis://127.0.0.1:1/0")
    assert await quotas(limits, "ada", count=3) == []
    await limits.close()


def test_the_stricter_limit_covers_public_operations_but_not_refreshing() -> None:
    assert is_guarded("POST", "/api/v1/auth/login")
    assert is_guarded("GET", "/api/v1/auth/oidc/callback")
    assert is_guarded("HEAD", "/api/v1/auth/oidc/login")
    for method, path in (("POST", "/auth/refresh"), ("GET", "/auth/jwks.json"), ("POST", "/auth/logout")):
        assert is_open(method, f"/api/v1{path}")
        assert not is_guarded(method, f"/api/v1{path}")
    assert not is_guarded("GET", "/api/v1/machines")


def test_the_storage_is_redis_or_memory() -> None:
    assert Settings().rate_limit_url.get_secret_value() == ""
    with pytest.raises(ValidationError, match="redis://"):
        Settings(rate_limit_url=SecretStr("http://:password@cache"))
