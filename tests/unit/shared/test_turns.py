"""Turns: few at a time, and no organization takes those of others."""

import asyncio
from contextlib import AsyncExitStack
from uuid import uuid4

import pytest

from shared.http.turns import TooManyAtOnce, Turns
from tests.support.waiting import eventually

ONE, OTHER = uuid4(), uuid4()


async def are_taken(turns: Turns, one: int, other: int) -> bool:
    return (turns.taken(ONE), turns.taken(OTHER)) == (one, other)


async def test_an_organization_that_has_many_waiting_is_refused_and_others_are_not() -> None:
    turns = Turns("backtests", at_once=1, of_organization=3)
    order: list[str] = []

    async def ask(name: str) -> None:
        async with turns.of(OTHER if name == "other" else ONE):
            order.append(name)

    async with turns.of(ONE):
        waiting = [asyncio.create_task(ask(name)) for name in ("first", "second", "other")]
        await eventually(lambda: are_taken(turns, 3, 1), what="they waited")
        with pytest.raises(TooManyAtOnce) as refused:
            async with turns.of(ONE):
                raise AssertionError("it was let in")
        assert (refused.value.status, refused.value.reason_code) == (429, "too-many-at-once")
        assert order == []
    await asyncio.gather(*waiting)
    assert order == ["first", "second", "other"], "in the order of asking"
    assert (turns.taken(ONE), turns.taken(OTHER)) == (0, 0)


async def test_whoever_gives_up_gives_the_place_back() -> None:
    turns = Turns("backtests", at_once=1, of_organization=2)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(turns.of(ONE))
        waiting = asyncio.create_task(turns.of(ONE).__aenter__())
        await eventually(lambda: are_taken(turns, 2, 0), what="it waited")
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert turns.taken(ONE) == 1
