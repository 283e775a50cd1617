"""Access that ends, ends everywhere: in every program, for tokens from before, API keys and open streams."""

import asyncio

from tests.e2e.endings import ENDINGS, STREAM, Ending, scene, seconds_until_refused
from tests.stack import Stack

PROGRAMS = {"auth", "machines", "analysis", "alerting", "gateway", STREAM}
OF_KEYS = {"gateway, API key", "machines, API key", "analysis, API key", "alerting, API key"}


async def test_every_program_refuses_what_was_issued_before(stack: Stack) -> None:
    stack.wait_ready()
    await asyncio.gather(*(is_refused_everywhere(stack, ending) for ending in ENDINGS))


async def is_refused_everywhere(stack: Stack, ending: Ending) -> None:
    """Each in an organization of its own. That it is refused at all is asserted where it is waited for."""
    async with scene(stack) as all_of_it:
        refused = await seconds_until_refused(all_of_it, ending)
    expected = (PROGRAMS if ending.of_person else {STREAM}) | (OF_KEYS if ending.of_key else set())
    assert set(refused) == expected, ending.name
