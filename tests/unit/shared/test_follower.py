"""Following topics survives a broken broker client."""

import asyncio

import pytest

from shared.kafka.follower import within


async def test_the_result_is_returned() -> None:
    assert await within(30, asyncio.sleep(0, "done")) == "done"


async def test_a_cancellation_by_the_client_library_is_a_timeout() -> None:
    """aiokafka's `stop` raises the cancellation of its own tasks when the broker is down."""

    async def stop() -> None:
        pending = asyncio.create_task(asyncio.sleep(3600))
        pending.cancel()
        await pending

    with pytest.raises(TimeoutError):
        await within(30, stop())


async def test_a_call_that_never_returns_is_abandoned() -> None:
    begun = asyncio.Event()

    async def waits() -> None:
        begun.set()
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await within(0.01, waits())
    assert begun.is_set()


async def test_cancelling_the_caller_cancels_it() -> None:
    outer = asyncio.create_task(within(30, asyncio.sleep(3600)))
    await asyncio.sleep(0)
    outer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await outer
