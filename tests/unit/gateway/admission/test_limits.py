"""Limits by caller and by address, counted in memory."""

import pytest
from limits.aio.storage import MemoryStorage
from limits.errors import StorageError
from pydantic import SecretStr, ValidationError
from structlog.testing import capture_logs

from services.gateway.admission.limits import (
    LOOK_SECONDS,
    STORAGE_RETRY_SECONDS,
    Memory,
    RateLimits,
    Standing,
)
from services.gateway.routing import is_guarded, is_open
from services.gateway.settings import Settings

MOST = 5


async def standings(limits: RateLimits, who: str, count: int = 3 * MOST) -> list[Standing]:
    """A row of requests; on the border of two minutes some more than usual pass."""
    found = [await limits.hit("caller", MOST, who) for _ in range(count)]
    return [standing for standing in found if standing is not None]


async def test_too_many_have_to_wait_and_are_told_how_long() -> None:
    found = await standings(RateLimits(), "ada")
    assert [s.wait for s in found[:MOST]] == [0] * MOST
    refused = [s for s in found if s.wait]
    assert len(refused) >= MOST
    assert all(1 <= s.wait <= 60 and s.left == 0 for s in refused)
    assert refused[0].headers["RateLimit-Policy"] == '"caller";q=5;w=60'
    assert refused[0].headers["RateLimit"].startswith('"caller";r=0;t=')


async def test_what_is_left_is_told() -> None:
    found = await standings(RateLimits(), "ada", count=2)
    assert found[0].left > found[1].left >= MOST - 3


async def test_callers_and_limits_are_counted_apart() -> None:
    limits = RateLimits()
    await standings(limits, "ada")
    other = await limits.hit("caller", MOST, "eva")
    elsewhere = await limits.hit("sign-in", MOST, "ada")
    assert other is not None
    assert elsewhere is not None
    assert (other.wait, elsewhere.wait) == (0, 0)


async def test_memory_forgets_what_has_expired_and_is_bounded() -> None:
    seconds = 1_000_000.0
    memory = Memory(most=50, now=lambda: seconds)
    for number in range(20):
        assert await memory.incr(f"old {number}", 5) == 1
    seconds += LOOK_SECONDS
    assert await memory.incr("new", 5) == 1
    assert set(memory.storage) == set(memory.expirations) == {"new"}
    for number in range(1000):
        await memory.incr(f"flood {number}", 60)
        assert len(memory.storage) <= 51


class Away(MemoryStorage):
    """Fails while `away`."""

    away = True
    asked = 0

    async def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        self.asked += 1
        if self.away:
            raise StorageError(ConnectionError("refused"))
        return await super().acquire_sliding_window_entry(key, limit, expiry, amount)


async def test_while_the_storage_is_away_everybody_passes_and_the_log_says_so_once() -> None:
    storage, seconds = Away(), 0.0
    limits = RateLimits(storage=storage, now=lambda: seconds)
    with capture_logs() as log:
        assert await standings(limits, "ada") == []
        # Asked once, and then left alone.
        assert storage.asked == 1
        seconds += STORAGE_RETRY_SECONDS
        assert await standings(limits, "ada") == []
        assert storage.asked == 2
        storage.away = False
        seconds += STORAGE_RETRY_SECONDS
        assert len(await standings(limits, "ada")) == 3 * MOST
    assert [entry["event"] for entry in log] == [
        "rate limits are off: their storage is away",
        "rate limits are on again",
    ]


async def test_a_redis_that_is_not_there_is_an_absent_storage() -> None:
    limits = RateLimits("redis://127.0.0.1:1/0")
    assert await standings(limits, "ada", count=3) == []
    await limits.close()


def test_only_what_is_open_is_guarded_and_refreshing_is_not() -> None:
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
