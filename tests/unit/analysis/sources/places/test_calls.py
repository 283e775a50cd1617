"""Blocking calls: one that does not return is left behind, and holds up nothing else."""

import asyncio
import os
from pathlib import Path
from threading import Event

import pytest

from services.analysis.sources.places.calls import MAX_LEFT, Calls, Ended, LeftBefore, Steps
from tests.support.waiting import eventually

SOON = 0.05
# Waited for in vain only if something is wrong.
PATIENCE = 60.0


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """Whoever opens it waits until somebody writes, as for a network share that is away."""
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


async def test_results_and_errors_come_back() -> None:
    calls = Calls()
    assert await calls.make("share", "a", lambda _: 7, silence=PATIENCE) == 7
    with pytest.raises(FileNotFoundError):
        await calls.make("share", "a", lambda _: os.stat("/nowhere/at/all"), silence=PATIENCE)


async def test_a_call_that_does_not_return_is_left_until_it_does(pipe: Path) -> None:
    calls = Calls()
    with pytest.raises(TimeoutError):
        await calls.make("share", "a", lambda _: pipe.read_bytes(), silence=SOON)
    with pytest.raises(LeftBefore):
        await calls.make("share", "a", lambda _: b"", silence=PATIENCE)
    assert await calls.make("share", "b", lambda _: b"b", silence=PATIENCE) == b"b"
    assert await calls.make("other", "a", lambda _: b"o", silence=PATIENCE) == b"o"
    await asyncio.to_thread(pipe.write_bytes, b"x")

    async def answers() -> bytes:
        try:
            return await calls.make("share", "a", lambda _: b"a", silence=PATIENCE)
        except LeftBefore:
            return b""

    assert await eventually(answers, what="the end of the call that was left") == b"a"


async def test_calls_about_a_place_are_left_up_to_a_number(pipe: Path) -> None:
    calls = Calls()
    for number in range(MAX_LEFT):
        with pytest.raises(TimeoutError):
            await calls.make("share", str(number), lambda _: pipe.read_bytes(), silence=SOON)
    with pytest.raises(LeftBefore):
        await calls.make("share", "another", lambda _: b"", silence=PATIENCE)
    assert await calls.make("other", "another", lambda _: b"o", silence=PATIENCE) == b"o"
    await asyncio.to_thread(pipe.write_bytes, b"x")


async def test_a_call_that_goes_on_step_by_step_is_not_silent() -> None:
    calls, known, over, silence = Calls(), list[Steps](), Event(), 0.5

    def long(steps: Steps) -> str:
        known.append(steps)
        over.wait(PATIENCE)
        return "all"

    made = asyncio.create_task(calls.make("share", "", long, silence=silence))
    for _ in range(12):
        await asyncio.sleep(silence / 5)
        known[0].step()
    assert not made.done()
    over.set()
    assert await made == "all"


async def test_a_call_that_nobody_waits_for_ends_at_its_next_step() -> None:
    calls, ended, going, over = Calls(), Event(), Event(), Event()

    def long(steps: Steps) -> None:
        going.set()
        over.wait(PATIENCE)
        try:
            steps.step()
        except Ended:
            ended.set()
            raise

    made = asyncio.create_task(calls.make("share", "", long, silence=PATIENCE))
    assert await asyncio.to_thread(going.wait, PATIENCE)
    made.cancel()
    with pytest.raises(asyncio.CancelledError):
        await made
    over.set()
    assert await asyncio.to_thread(ended.wait, PATIENCE)
