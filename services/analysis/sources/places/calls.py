"""Blocking calls that may never return, such as those about a network share that is away."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import Any, TypeVar

# Calls about one place that have not returned, after which it is left alone until one of them does.
MAX_LEFT = 8

T = TypeVar("T")


class LeftBefore(TimeoutError):
    """An earlier call about the same thing has not returned yet."""


class Ended(Exception):
    """Nobody waits any more for the call that raises this."""


class Steps:
    """Tells that a call of many steps goes on, and the call that nobody waits for it any more."""

    def __init__(self) -> None:
        self.count = 0
        self.ended = False

    def step(self) -> None:
        """Raises Ended."""
        if self.ended:
            raise Ended
        self.count += 1


class Calls:
    """Makes calls in threads of their own, which hold up neither other calls nor the end of the process.

    Nothing can end a call that does not return: its thread is left behind. Until it returns, further calls
    about the same thing fail at once, or every look at a share that is away would leave another thread.
    """

    def __init__(self) -> None:
        self._left: dict[tuple[str, str], Future[Any]] = {}

    async def make(self, place: str, about: str, call: Callable[[Steps], T], *, silence: float) -> T:
        """Raises LeftBefore, and TimeoutError after `silence` seconds without a result or a step."""
        left = sum(each == place for each, _ in tuple(self._left))
        if (place, about) in self._left or left >= MAX_LEFT:
            raise LeftBefore
        steps, future = Steps(), Future[T]()
        Thread(target=_run, args=(call, steps, future), name=f"call {place}", daemon=True).start()
        waiting = asyncio.wrap_future(future)
        try:
            known = -1
            while not waiting.done() and steps.count != known:
                known = steps.count
                await asyncio.wait({waiting}, timeout=silence)
        finally:
            if not waiting.done():
                steps.ended = True
                waiting.cancel()
                self._leave((place, about), future)
        if waiting.cancelled():
            raise TimeoutError
        return waiting.result()

    def _leave(self, key: tuple[str, str], future: Future[Any]) -> None:
        self._left[key] = future

        def returned(ended: Future[Any]) -> None:
            if self._left.get(key) is ended:
                del self._left[key]

        future.add_done_callback(returned)


def _run(call: Callable[[Steps], T], steps: Steps, future: Future[T]) -> None:
    # Otherwise it could be cancelled, and would count as returned.
    future.set_running_or_notify_cancel()
    try:
        future.set_result(call(steps))
    except BaseException as error:  # whoever waits gets it
        future.set_exception(error)
