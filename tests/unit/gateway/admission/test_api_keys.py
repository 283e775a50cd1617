"""The exchange of API keys: cached for a minute, shared, bounded, and cached by hash only."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from services.gateway.admission.api_keys import KEPT_SECONDS, MAX_KEY_LENGTH, REFUSED_SECONDS, ApiKeys
from services.gateway.errors import ApiKeyRefused
from shared.errors import Unauthenticated, Unavailable
from shared.http.peers import Peer

KEY = "dk_" + "a" * 32 + "_" + "b" * 64


class FakeAuth(Peer):
    """Knows the keys in `good`."""

    def __init__(self) -> None:
        super().__init__("http://nowhere", name="auth")
        self.good = {KEY}
        self.asked = 0
        self.away = False
        self.waiting: asyncio.Event | None = None

    async def post(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked += 1
        if self.waiting is not None:
            await self.waiting.wait()
        if self.away:
            raise Unavailable("away")
        if body["api_key"] not in self.good:
            raise Unauthenticated("refused")
        return {"access_token": f"token {self.asked}", "expires_in": 300, "key_id": "x"}


class Setting:
    def __init__(self) -> None:
        self.auth = FakeAuth()
        self.seconds = 0.0
        self.keys = ApiKeys(self.auth, now=lambda: self.seconds, epoch=lambda: 1000 + self.seconds)


@pytest.fixture
def setting() -> Setting:
    return Setting()


async def test_a_token_is_cached_for_a_minute(setting: Setting) -> None:
    assert await setting.keys.token(KEY) == "token 1"
    setting.seconds = KEPT_SECONDS - 0.1
    assert await setting.keys.token(KEY) == "token 1"
    setting.seconds = KEPT_SECONDS
    assert await setting.keys.token(KEY) == "token 2"


async def test_a_deleted_key_stops_working_within_a_minute(setting: Setting) -> None:
    assert KEPT_SECONDS <= 60
    await setting.keys.token(KEY)
    assert await setting.keys.good_until(KEY) == 1000 + KEPT_SECONDS
    setting.auth.good.clear()
    setting.seconds = KEPT_SECONDS
    with pytest.raises(ApiKeyRefused):
        await setting.keys.token(KEY)
    with pytest.raises(ApiKeyRefused):
        await setting.keys.good_until(KEY)


async def test_the_minute_starts_with_the_exchange(setting: Setting) -> None:
    setting.auth.waiting = asyncio.Event()
    asking = asyncio.create_task(setting.keys.token(KEY))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    setting.seconds = 4.0
    setting.auth.waiting.set()
    await asking
    assert await setting.keys.good_until(KEY) == 1000 + KEPT_SECONDS


async def test_a_refused_key_is_exchanged_again_after_a_while(setting: Setting) -> None:
    for _ in range(100):
        with pytest.raises(ApiKeyRefused):
            await setting.keys.token("dk_bad")
    assert setting.auth.asked == 1
    setting.auth.good.add("dk_bad")
    setting.seconds = REFUSED_SECONDS
    assert await setting.keys.token("dk_bad") == "token 2"


async def test_a_key_that_is_too_long_is_refused_without_an_exchange(setting: Setting) -> None:
    with pytest.raises(ApiKeyRefused):
        await setting.keys.token("k" * (MAX_KEY_LENGTH + 1))
    assert setting.auth.asked == 0


async def test_concurrent_requests_share_one_exchange(setting: Setting) -> None:
    setting.auth.waiting = asyncio.Event()
    asking = [asyncio.create_task(setting.keys.token(KEY)) for _ in range(20)]
    for _ in range(3):
        await asyncio.sleep(0)
    # A client that hangs up does not cancel the exchange for the others.
    asking[0].cancel()
    setting.auth.waiting.set()
    assert await asyncio.gather(*asking[1:]) == ["token 1"] * 19
    assert setting.auth.asked == 1


async def test_an_outage_of_auth_is_not_cached_as_a_refusal(setting: Setting) -> None:
    setting.auth.away = True
    for _ in range(2):
        with pytest.raises(Unavailable):
            await setting.keys.token(KEY)
    setting.auth.away = False
    assert await setting.keys.token(KEY) == "token 3"


async def test_the_cache_is_bounded_and_contains_no_key(setting: Setting) -> None:
    setting.keys = ApiKeys(setting.auth, max_kept=3)
    await setting.keys.token(KEY)
    for number in range(5):
        with pytest.raises(ApiKeyRefused):
            await setting.keys.token(f"bad {number}")
    kept = vars(setting.keys)["_kept"]
    assert len(kept) == 3
    assert KEY not in repr(vars(setting.keys))
    # The oldest entry was evicted.
    assert await setting.keys.token(KEY) == "token 7"
    assert "token 7" not in repr(vars(setting.keys))
