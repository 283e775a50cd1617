"""Somebody who guesses passwords."""

from collections.abc import Awaitable, Callable

import httpx2

from services.auth.sign_in.domain import FREE_FAILURES

Ask = Callable[[], Awaitable[httpx2.Response]]


async def until_refused(ask: Ask) -> httpx2.Response:
    """The first answer that tells to wait.

    The first wait is a second, which passes by itself on a busy machine; each one after it is twice as long.
    """
    for _ in range(2 * FREE_FAILURES):
        answer = await ask()
        if answer.status_code == 429:
            return answer
    raise AssertionError(f"never refused; the last answer was {answer.status_code}")
