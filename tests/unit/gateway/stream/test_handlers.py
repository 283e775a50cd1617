"""What a broken client of the broker does must not end the feed."""

import asyncio

import pytest

from services.gateway.stream.handlers import within


async def test_the_result_comes_through() -> None:
    assert await within(30, asyncio.sleep(0, "done")) == "done"


async def test_a_cancellation_of_the_clients_own_is_no_end() -> None:
    """aiokafka raises that of its tasks out of `stop` when the broker is away."""

    async def stop() -> None:
        pending = asyncio.create_task(asyncio.sleep(3600))
        pending.cancel()
        await pending

    with pytest.raises(TimeoutError):
        await within(30, stop())


async def test_one_that_waits_for_good_is_left_behind() -> None:
    begun = asyncio.Event()

    async def waits() -> None:
        begun.set()
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await within(0.01, waits())
    assert begun.is_set()


async def test_being_cancelled_oneself_is_one() -> None:
    outer = asyncio.create_task(within(30, asyncio.sleep(3600)))
    await asyncio.sleep(0)
    outer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await outer
