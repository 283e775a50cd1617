"""Bounded waits for what other tasks and processes do."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(
    probe: Callable[[], Awaitable[T]], *, seconds: float = 60.0, every: float = 0.05, what: str = "it"
) -> T:
    """Repeat `probe` until it gives something true; fail with its last answer when time is up."""
    deadline = time.monotonic() + seconds
    while True:
        found = await probe()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {seconds} s; last seen: {found!r}")
        await asyncio.sleep(every)
